import type { AddressInfo } from 'node:net'
import { Connection, type ConnectionOptions, type MqttError, type Packet, type Transport } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { type Observable, ReplaySubject, Subject, type Subscription } from 'rxjs'
import { createDemoServer, type DemoEvent, type DemoServer } from '../src/demo-server.js'

export const host = '127.0.0.1'

/** Everything that an Observable told. */
export interface Heard<T> {
  readonly values: T[]
  /** `'open'`, `'complete'`, or what it errored with. */
  readonly end: string
  readonly done: Promise<string>
  readonly subscription: Subscription
}

/** Subscribes, and remembers everything. */
export function hear<T>(source$: Observable<T>): Heard<T> {
  const values: T[] = []
  let end = 'open'
  let settled: (end: string) => void
  const done = new Promise<string>((resolve) => {
    settled = resolve
  })
  const over = (how: string): void => {
    end = how
    settled(how)
  }
  const subscription = source$.subscribe({
    next: (value) => values.push(value),
    error: (error: unknown) => over(nameOf(error)),
    complete: () => over('complete'),
  })
  return {
    values,
    get end() {
      return end
    },
    done,
    subscription,
  }
}

/** An error as a plain text: its code and reason where it has them. */
export function nameOf(error: unknown): string {
  const { code, reasonCode, message } = error as MqttError
  if (code === undefined) return message
  return reasonCode === undefined ? code : `${code} 0x${reasonCode.toString(16)}`
}

/** Waits until it is true, or fails. */
export async function until(isTrue: () => boolean, what: string, milliseconds = 8_000): Promise<void> {
  const limit = Date.now() + milliseconds
  while (!isTrue()) {
    if (Date.now() > limit) throw new Error(`not within ${milliseconds} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** What a listener's `listening` option takes, and the port that it told. */
export function portTold(): { listening: { next(address: AddressInfo | string): void }; port: Promise<number> } {
  const told = new ReplaySubject<number>(1)
  return {
    listening: { next: (address) => told.next((address as AddressInfo).port) },
    port: new Promise((resolve) => {
      told.subscribe(resolve)
    }),
  }
}

/** One end of a connection in memory, and what it heard, without the lengths. */
export interface End {
  readonly connection: Connection
  readonly packets: Record<string, unknown>[]
  readonly ended: Heard<never>
}

/** Speaks MQTT by hand over a transport. */
export function speak(transport: Transport, options: ConnectionOptions = {}): End {
  const connection = new Connection(transport, options)
  const packets: Record<string, unknown>[] = []
  connection.packets$.subscribe((packet) => packets.push(plain(packet)))
  return { connection, packets, ended: hear(connection.closed$) }
}

function plain({ length: _, ...packet }: Packet): Record<string, unknown> {
  if (!('payload' in packet)) return packet
  return { ...packet, payload: new TextDecoder().decode(packet.payload) }
}

/** A demo server whose peers dial in memory. */
export interface TestServer {
  readonly server: DemoServer
  readonly events: Heard<DemoEvent>
  readonly stop: Subject<void>
  dial(options?: ConnectionOptions): End
}

export function serveInMemory(): TestServer {
  const server = createDemoServer()
  const transports = new Subject<Transport>()
  const stop = new Subject<void>()
  const events = hear(transports.pipe(server.serve(stop)))
  const dial = (options?: ConnectionOptions): End => {
    const [near, far] = memoryPair()
    transports.next(far)
    return speak(near, options)
  }
  return { server, events, stop, dial }
}

/** Sockets, servers and timers that keep the process alive. */
export function handles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Pipe|HTTP|Wrap|GetAddrInfo|Process/.test(kind))
}

/** Registers a check that every test of the file leaves no handle. */
export function expectNoHandles(): void {
  let before: string[]
  beforeEach(() => {
    before = handles()
  })
  afterEach(async () => {
    await until(() => handles().length <= before.length, `no handle more than ${before.join(', ')}`).catch(
      () => undefined,
    )
    expect(handles().sort()).toEqual([...before].sort())
  })
}
