import type { Observable } from 'rxjs'
import { type RunHelpers, TestScheduler } from 'rxjs/testing'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { show } from './describe.js'
import { Expectations } from './expectations.js'
import { FakeTransport } from './fake-transport.js'
import { AnyEnd } from './sent-packets.js'

export { flat } from './flat.js'

/** How {@link MarbleHelpers.transport} speaks and breaks. */
export interface FakeTransportOptions {
  /**
   * The version of packets before a CONNECT went by, in either direction; after it, packets have the CONNECT's.
   *
   * @default 4, MQTT 3.1.1
   */
  readonly protocolVersion?: ProtocolVersion | undefined
  /**
   * How the link breaks at `#`.
   *
   * @default an MqttError `'transport'`
   */
  readonly error?: MqttError | undefined
}

/** What {@link marbles} gives to a test besides RxJS's own helpers. */
export interface MarbleHelpers extends RunHelpers {
  /** The frame that is now, in milliseconds of virtual time. */
  now(): number
  /**
   * Runs an action for each letter of the diagram, at its frame.
   *
   * @example
   * ```ts
   * does('--p---r', { p: () => connection.pause(), r: () => connection.resume() })
   * ```
   */
  does(marbles: string, actions: Readonly<Record<string, () => unknown>>): void
  /**
   * A transport whose peer sends what the diagram says. Values are packets, which are encoded at their frame in the version
   * that is spoken then, or bytes; `|` is the end of the peer's side, `#` the link that breaks.
   *
   * @example
   * ```ts
   * const client = transport('-c---p', { c: packets.connack(), p: packets.publish() })
   * ```
   */
  transport(
    inbound?: string,
    values?: Readonly<Record<string, PacketInput | Uint8Array>>,
    options?: FakeTransportOptions,
  ): FakeTransport
  /**
   * What left, packet by packet, decoded. A frame of virtual time is one batch: several packets of one frame are a group
   * `(ab)`. `|` is the end of our side (`sink.complete`), `#` the transport destroyed (`sink.error`), with any error unless
   * one is given. Packets are compared by what they say: what is left out must be the default.
   *
   * @example
   * ```ts
   * expectSent(transport).toBe('c---(ad)', { c: packets.connect(), a: packets.puback(), d: packets.disconnect() })
   * ```
   */
  expectSent(transport: FakeTransport): {
    toBe(marbles: string, packets?: Readonly<Record<string, PacketInput>>, error?: unknown): void
  }
  /**
   * When bytes were read from the peer: a diagram a subscription of `bytes$`, in order, so that a pause is the gap between
   * two of them. None: it was never read.
   *
   * @example
   * ```ts
   * expectReads(transport).toBe('^---!', '--------^') // nothing was read from 4 to 8
   * ```
   */
  expectReads(transport: FakeTransport): { toBe(...marbles: readonly string[]): void }
}

/**
 * Runs a marble test in virtual time, in any test runner: what is not as expected is an Error whose message has both diagrams
 * and the values that differ, packets in words. Errors are compared by their code, reason code and return code, packets by
 * what they say, bytes as bytes.
 *
 * @throws Error for the first expectation that is not met; before that what a function given to `does` threw
 *
 * @example
 * ```ts
 * marbles(({ transport, expectSent }) => {
 *   const peer = transport('-p', { p: packets.publish({ topic: 'a', qos: 1, messageId: 7 }) })
 *   const connection = new Connection(peer)
 *   connection.publish$.subscribe(({ messageId }) => connection.puback({ messageId }))
 *   expectSent(peer).toBe('-a', { a: packets.puback({ messageId: 7 }) })
 * })
 * ```
 */
export function marbles(test: (helpers: MarbleHelpers) => void): void {
  const expectations = new Expectations()
  const scheduler = new TestScheduler((actual, expected) => expectations.check(actual, expected))
  const thrown: unknown[] = []
  const guarded = (action: () => unknown): void => {
    try {
      action()
    } catch (error) {
      thrown.push(error)
    }
  }
  try {
    scheduler.run((helpers) => test(helpersOf(helpers, () => scheduler.now(), expectations, guarded)))
  } catch (error) {
    thrown.push(error)
  }
  if (thrown.length > 0) throw thrown[0]
}

function helpersOf(
  helpers: RunHelpers,
  now: () => number,
  expectations: Expectations,
  guarded: (action: () => unknown) => void,
): MarbleHelpers {
  const own = expectations.wrap(helpers)
  return {
    ...own,
    now,
    does: (marbles, actions) => {
      helpers.hot(marbles, checked('does', marbles, actions)).subscribe((action) => guarded(action))
    },
    transport: (inbound = '', values = {}, { protocolVersion, error = broken() } = {}) => {
      const fake = new FakeTransport(now, protocolVersion)
      const peer$: Observable<PacketInput | Uint8Array> = helpers.hot(
        inbound,
        checked('transport', inbound, values),
        error,
      )
      peer$.subscribe({
        next: (value) => guarded(() => deliver(fake, value)),
        error: (reason: unknown) => guarded(() => fake.receiveEnd(reason as MqttError)),
        complete: () => guarded(() => fake.receiveEnd()),
      })
      return fake
    },
    expectSent: (transport) => ({
      toBe: (marbles, packets = {}, error: unknown = new AnyEnd()) =>
        expectations
          .observable(helpers, transport.sentPackets$, 'what was sent is not what was expected', null, 1)
          .toBe(marbles, checked('expectSent', marbles, packets), error),
    }),
    expectReads: (transport) => ({
      toBe: (...marbles) =>
        expectations
          .subscriptions(helpers, transport.subscriptions, 'bytes$ was not subscribed as expected', 1)
          .toBe([...marbles]),
    }),
  }
}

function deliver(transport: FakeTransport, value: PacketInput | Uint8Array): void {
  try {
    transport.receive(value)
  } catch (cause) {
    if (!(cause instanceof MqttError)) throw cause
    throw new Error(`the peer can't send ${show(value)}: ${cause.message}`, { cause })
  }
}

const broken = (): MqttError => new MqttError('transport', 'the link broke')

/** The values of a diagram, each of its letters among them. */
function checked<T>(helper: string, marbles: string, values: Readonly<Record<string, T>>): Record<string, T> {
  const missing = [...marbles.replace(/(^| )\d+(\.\d+)?(ms|s|m)(?= )/g, '')].filter(
    (letter) => !'-()|#^! '.includes(letter) && !(letter in values),
  )
  if (missing.length > 0) throw new Error(`${helper}('${marbles}'): no value for ${[...new Set(missing)].join(', ')}`)
  return { ...values }
}
