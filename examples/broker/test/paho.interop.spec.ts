import { fileURLToPath } from 'node:url'
import { expectNoHandles } from '../../test/helpers.js'
import { fixturePath, run } from '../../test/processes.js'
import { type InteropBroker, startInteropBroker } from './interop-broker.js'
import { expected } from './paho/expected.js'

/** What one check saw, or why it could not. */
interface Result {
  readonly check: string
  readonly version: number
  readonly saw?: unknown
  readonly error?: string
}

expectNoHandles()

describe('paho at the broker', () => {
  const results: Result[] = []
  let errors: string

  beforeAll(async () => {
    const broker: InteropBroker = await startInteropBroker()
    try {
      const script = fileURLToPath(new URL('paho/checks.py', import.meta.url))
      const told = JSON.stringify({ ports: broker.ports, authority: fixturePath('ca.pem') })
      // -B: it leaves no files beside the script.
      const { stdout, stderr } = await run('/usr/bin/python3', ['-B', script, told], 50_000).ended
      for (const line of stdout.trim().split('\n')) results.push(JSON.parse(line) as Result)
      errors = stderr
    } finally {
      await broker.stop()
    }
  }, 60_000)

  it('is asked everything', () => {
    const names = (all: readonly { check: string; version: number }[]): string[] =>
      all.map(({ check, version }) => `${check} ${version}`).sort()
    expect({ errors, names: names(results) }).toEqual({ errors: '', names: names(expected) })
  })

  it.each(expected)('MQTT level $version: $check', ({ check, version, saw }) => {
    expect(results.find((result) => result.check === check && result.version === version)).toEqual({
      check,
      version,
      saw,
    })
  })
})
