import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type Connection, Decoder, type Packet, Protocol, type ServeEvent } from '@rxmqtt/core'
import { type Broker, openBroker } from '@rxmqtt/example-broker'
import { listenTcp } from '@rxmqtt/transports/tcp'
import type { Subscription } from 'rxjs'
import { Findings } from './findings.js'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { leftOpen, memory, open, size, until } from './process.js'

export interface TakeoversOptions {
  /** Connections with the same client identifier, of each kind. */
  readonly times: number
}

/** Kinds of clients: the version, and whether their session goes on. */
const kinds = [
  { version: 5, isPersistent: false },
  { version: 5, isPersistent: true },
  { version: 4, isPersistent: false },
  { version: 4, isPersistent: true },
] as const
type Kind = (typeof kinds)[number]

/** Connections that are dialled at one time, now and then. */
const TOGETHER = 10
const PATIENCE = 5_000
/** What the process itself takes more with time; a session a takeover that stays is several times as much. */
const SPARE = 2_097_152
const topic = 'to/the/one'

/**
 * A client identifier of the broker that connects again and again while it is connected: whoever had it hears 0x8E in MQTT 5 and
 * is cut off, a message reaches the last one alone, and nothing is left of the others.
 */
export async function takeovers({ times }: TakeoversOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const broker = await openBroker({ sysInterval: 0 })
  const watch = new Watch(broker, findings)
  const { port, serving } = await listen(broker, (event) => watch.see(event))
  for (const kind of kinds) {
    // Each wait for what does not come takes its time.
    if (findings.violations.length > 0) break
    // What the first ones load and compile stays.
    await series(broker, port, kind, Math.ceil(times / 4), findings)
    const before = await memory()
    await series(broker, port, kind, times, findings)
    const heap = (await memory()).heap - before.heap
    const what = `MQTT ${kind.version === 4 ? '3.1.1' : '5'}, ${kind.isPersistent ? 'a session that goes on' : 'a clean session'}`
    findings.demand(`${what}: heap kept by ${times} takeovers`, size(heap), `below ${size(SPARE)}`, heap < SPARE)
  }
  findings.demand('connected at most', watch.most, '1', watch.most === 1)
  findings.demand('connections opened, and closed', `${watch.opened}, ${watch.closed}`, 'as many', watch.isEven)
  serving.unsubscribe()
  await broker.close()
  const left = await leftOpen(opened)
  findings.demand('handles and file descriptors', left ?? 'as before', 'as before', left === undefined)
  return findings
}

/** One after the other, and now and then many at one time. */
async function series(broker: Broker, port: number, kind: Kind, times: number, findings: Findings): Promise<void> {
  let current = await Taker.dial(port, kind)
  current.subscribe()
  await current.until('suback')
  for (let i = 1; i < times; ) {
    const amount = i % 100 === 0 ? TOGETHER : 1
    i += amount
    const dialled = Array.from({ length: amount }, () => Taker.dial(port, kind))
    const later = await Promise.all(dialled)
    const earlier = [current, ...later]
    await until(() => earlier.filter(({ isOpen }) => isOpen).length === 1, PATIENCE)
    const alive = earlier.filter(({ isOpen }) => isOpen)
    if (alive.length !== 1 || alive[0] === current) {
      findings.violation(`${alive.length} of ${earlier.length} connections are open, the earlier one ${current.isOpen}`)
      break
    }
    current = alive[0]!
    for (const each of earlier) if (each !== current) checkEnd(each, kind, findings)
    current.subscribe()
    await current.until('suback')
    broker.publish({ topic, payload: String(i) })
    await current.until('publish')
    const heard = earlier.flatMap((each) => each.heard)
    findings.require(heard.at(-1) === String(i), () => `message ${i} did not reach the last one alone: ${heard.join()}`)
    current.forget()
  }
  const { connected, sessions, subscriptions } = broker.figures
  const isOne = connected === 1 && sessions === 1 && subscriptions === 1
  findings.require(isOne, () => `${connected} connected, ${sessions} sessions, ${subscriptions} subscriptions`)
  current.clean(kind)
  await until(() => broker.figures.connected === 0, PATIENCE)
}

/** The old one was told, where its version has words for it. */
function checkEnd({ packets, heard }: Taker, { version }: Kind, findings: Findings): void {
  const last = packets.at(-1)
  const isTold = version === 4 ? last?.cmd !== 'disconnect' : last?.cmd === 'disconnect' && last.reasonCode === 0x8e
  findings.require(isTold, () => `the last packet of who was taken over is ${JSON.stringify(last)}`)
  findings.require(heard.length === 0, () => `who was taken over heard ${heard.join()}`)
}

/** Counts who is connected, by what `serve` tells. */
class Watch {
  most = 0
  opened = 0
  closed = 0
  readonly #broker: Broker
  readonly #live = new Set<Connection>()
  readonly #findings: Findings

  constructor(broker: Broker, findings: Findings) {
    this.#broker = broker
    this.#findings = findings
  }

  get isEven(): boolean {
    return this.opened === this.closed && this.#live.size === 0
  }

  see({ type, connection }: ServeEvent): void {
    this.most = Math.max(this.most, this.#broker.figures.connected)
    if (type === 'opened') {
      this.opened++
      this.#live.add(connection)
    } else if (connection !== undefined && this.#live.delete(connection)) this.closed++
    else this.#findings.violation(`${type} without having been opened`)
  }
}

/** A client on a bare socket that keeps what it gets. */
class Taker {
  packets: Packet[] = []
  isOpen = true
  readonly #kind: Kind
  readonly #socket: Socket
  readonly #decoder: Decoder

  private constructor(port: number, kind: Kind) {
    this.#kind = kind
    this.#decoder = new Decoder({ protocol: new Protocol(kind.version) })
    this.#socket = connect({ host: HOST, port, noDelay: true })
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => (this.isOpen = false))
    // Who waits for nothing is as good as gone.
    this.#socket.setTimeout(PATIENCE, () => this.#socket.destroy())
    this.#socket.on('data', (chunk) => {
      this.#decoder.push(chunk)
      for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
        this.packets.push(packet)
      }
    })
  }

  /** Resolves at CONNACK, or when somebody else was sooner. */
  static async dial(port: number, kind: Kind): Promise<Taker> {
    const taker = new Taker(port, kind)
    const { version, isPersistent } = kind
    const properties = version === 5 && isPersistent ? { sessionExpiryInterval: 600 } : undefined
    const fields = { clientId: 'the-one', protocolVersion: version, clean: !isPersistent, properties }
    taker.#socket.write(encode(version, { cmd: 'connect', ...fields }))
    await taker.until('connack')
    return taker
  }

  /** The messages that it got. */
  get heard(): string[] {
    const decode = (payload: Uint8Array): string => new TextDecoder().decode(payload)
    return this.packets.flatMap((packet) => (packet.cmd === 'publish' ? [decode(packet.payload)] : []))
  }

  subscribe(): void {
    const fields = { messageId: 1, subscriptions: [{ topic, qos: 0 as const }] }
    this.#socket.write(encode(this.#kind.version, { cmd: 'subscribe', ...fields }))
  }

  forget(): void {
    this.packets = []
  }

  async until(cmd: Packet['cmd']): Promise<void> {
    const isThere = (): boolean => !this.isOpen || this.packets.some((packet) => packet.cmd === cmd)
    while (!isThere()) await Promise.race([once(this.#socket, 'data'), once(this.#socket, 'close')])
  }

  /** Says goodbye, and ends its session. */
  clean({ version }: Kind): void {
    const fields = version === 5 ? { properties: { sessionExpiryInterval: 0 } } : {}
    this.#socket.end(encode(version, { cmd: 'disconnect', ...fields }))
  }
}

function listen(
  broker: Broker,
  next: (event: ServeEvent) => void,
): Promise<{ readonly port: number; readonly serving: Subscription }> {
  return new Promise((resolve, reject) => {
    const listening = {
      next: (at: AddressInfo | string) => queueMicrotask(() => resolve({ port: (at as AddressInfo).port, serving })),
    }
    const serving: Subscription = listenTcp({ host: HOST, listening })
      .pipe(broker.serve())
      .subscribe({ next, error: reject })
  })
}
