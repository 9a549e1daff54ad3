import { expectNoHandles, host, until } from './helpers.js'
import { fixturePath, run } from './processes.js'
import { failures, type Served, serveEverywhere } from './serve.js'

expectNoHandles()

const versions = ['mqttv31', 'mqttv311', 'mqttv5'] as const
const transports = ['tcp', 'tls'] as const
const cases = versions.flatMap((version) => transports.map((transport) => [version, transport] as const))

describe('mosquitto_pub and mosquitto_sub at the demo server', () => {
  let served: Served
  beforeEach(async () => {
    served = await serveEverywhere()
  })
  afterEach(async () => {
    await served.stop()
  })

  const common = (version: string, transport: 'tcp' | 'tls'): string[] => {
    const trust = transport === 'tls' ? ['--cafile', fixturePath('ca.pem')] : []
    return ['-h', host, '-p', String(served.ports[transport]), '-V', version, ...trust]
  }
  const accepted = (): number => served.events.values.filter(({ type }) => type === 'accepted').length

  it.each(cases)('%s over %s: every quality of service', async (version, transport) => {
    const sub = run('mosquitto_sub', [
      ...common(version, transport),
      ...['-i', 'sub', '-t', 'interop/#', '-q', '2', '-C', '3', '-W', '15', '-F', '%q %t %p'],
    ])
    await until(() => accepted() === 1, 'the subscriber')
    for (const qos of ['0', '1', '2']) {
      const pub = run('mosquitto_pub', [
        ...common(version, transport),
        ...['-i', `pub-${qos}`, '-t', `interop/${qos}`, '-m', `übung ${qos}`, '-q', qos],
      ])
      expect(await pub.ended).toEqual({ code: 0, stdout: '', stderr: '' })
    }
    const { code, stdout, stderr } = await sub.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe('0 interop/0 übung 0\n1 interop/1 übung 1\n2 interop/2 übung 2\n')
    expect(failures(served.events)).toEqual([])
  })

  it('brings MQTT 5 properties from one to the other', async () => {
    const sub = run('mosquitto_sub', [
      ...common('mqttv5', 'tcp'),
      ...['-t', 'p', '-C', '1', '-W', '15', '-F', '%C %R %D %P %p'],
    ])
    await until(() => accepted() === 1, 'the subscriber')
    const properties = [
      ['content-type', 'text/plain'],
      ['response-topic', 'answers'],
      ['correlation-data', 'c-1'],
    ].flatMap((pair) => ['-D', 'publish', ...pair])
    const user = ['-D', 'publish', 'user-property', 'b', '2', '-D', 'publish', 'user-property', 'a', '1']
    const pub = run('mosquitto_pub', [...common('mqttv5', 'tcp'), '-t', 'p', '-m', 'm', ...properties, ...user])
    expect((await pub.ended).code).toBe(0)
    expect((await sub.ended).stdout).toBe('text/plain answers c-1 b:2 a:1 m\n')
  })

  it('brings a big message whole, and a thousand small ones in order', async () => {
    const args = [...common('mqttv311', 'tcp'), '-t', 'many', '-q', '1', '-C', '1000', '-W', '15']
    const sub = run('mosquitto_sub', args)
    const big = run('mosquitto_sub', [...common('mqttv311', 'tcp'), '-t', 'big', '-C', '1', '-W', '15'])
    await until(() => accepted() === 2, 'two subscribers')
    const text = 'x'.repeat(100_000)
    const pub = run('mosquitto_pub', [...common('mqttv311', 'tcp'), '-t', 'big', '-m', text, '-q', '1'])
    expect((await pub.ended).code).toBe(0)
    expect((await big.ended).stdout).toBe(`${text}\n`)
    const repeat = ['-m', 'again', '--repeat', '1000', '--repeat-delay', '0']
    expect(
      (await run('mosquitto_pub', [...common('mqttv311', 'tcp'), '-t', 'many', '-q', '1', ...repeat]).ended).code,
    ).toBe(0)
    expect((await sub.ended).stdout).toBe('again\n'.repeat(1_000))
  })

  it('publishes the will of a client that was killed, and tells the reason of a shutdown', async () => {
    const watcher = run('mosquitto_sub', [...common('mqttv5', 'tcp'), '-t', 'w', '-C', '1', '-W', '15'])
    const doomed = run('mosquitto_sub', [
      ...common('mqttv5', 'tcp'),
      ...['-t', 'nothing', '--will-topic', 'w', '--will-payload', 'gone'],
    ])
    await until(() => accepted() === 2, 'two subscribers')
    doomed.stop('SIGKILL')
    await doomed.ended
    expect((await watcher.ended).stdout).toBe('gone\n')
    const debugging = run('mosquitto_sub', [...common('mqttv5', 'tcp'), '-t', 'x', '-d', '-W', '15'])
    await until(() => accepted() === 3, 'the subscriber')
    await served.stop()
    debugging.stop()
    expect((await debugging.ended).stdout).toContain('Received DISCONNECT (139)')
  })
})
