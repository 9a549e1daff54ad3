import type { Observable } from 'rxjs'
import { type RunHelpers, TestScheduler } from 'rxjs/testing'
import { MqttError } from '../errors.js'
import { FakeTransport } from './fake-transport.js'
import { toHex } from './wire.js'

/** What {@link marbles} gives to a test besides RxJS's own helpers. */
export interface MarbleHelpers extends RunHelpers {
  /** Runs an action for each letter of the diagram. */
  does(diagram: string, actions: Readonly<Record<string, () => unknown>>): void
  /** A transport whose peer sends what the diagram says; `|` is its end. */
  transport(inbound?: string, chunks?: Readonly<Record<string, Uint8Array>>): FakeTransport
  /** The frame that is now. */
  now(): number
}

/**
 * Runs a marble test in virtual time. Errors are compared with their code and reason, bytes as hex digits: `toEqual` takes
 * two errors with the same message as equal whatever their code.
 */
export function marbles(test: (helpers: MarbleHelpers) => void): void {
  const scheduler = new TestScheduler((actual, expected) => {
    expect(flat(actual)).toEqual(flat(expected))
  })
  scheduler.run((helpers) => {
    const now = (): number => scheduler.now()
    const does: MarbleHelpers['does'] = (diagram, actions) => {
      helpers.hot(diagram).subscribe((letter) => actions[letter]!())
    }
    const transport: MarbleHelpers['transport'] = (inbound = '', chunks) => {
      const fake = new FakeTransport(now)
      const bytes$: Observable<Uint8Array> = helpers.hot(inbound, chunks)
      bytes$.subscribe({ next: (chunk) => fake.receive(chunk), complete: () => fake.receiveEnd() })
      return fake
    }
    test({ ...helpers, does, transport, now })
  })
}

/** A value with its errors and bytes, however deep, as plain values that matchers can tell apart. */
export function flat(value: unknown): unknown {
  if (value instanceof MqttError)
    return { code: value.code, reasonCode: value.reasonCode, returnCode: value.returnCode }
  if (value instanceof Error) return { error: value.name, message: value.message }
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(flat)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, flat(member)]))
}
