import { jest } from '@jest/globals'
import {
  Connection,
  type ConnackPacket,
  type ConnectFields,
  type Packet,
  type PacketOf,
  type PacketType,
  type ProtocolVersion,
  type PublishFields,
  type ServeEvent,
  type SubscribeFields,
  type Transport,
} from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { Subject, type Subscription } from 'rxjs'
import { type Broker, type BrokerOptions, openBroker } from '../src/index.js'

/**
 * A broker and its clients in memory, their time jest's: `pass` lets it go by, and everything that follows from what was sent
 * has happened when it resolves.
 */
export class Scene {
  readonly events: ServeEvent[] = []
  readonly problems: unknown[] = []
  readonly #transports = new Subject<Transport>()
  readonly #serving: Subscription
  readonly broker: Broker

  private constructor(broker: Broker) {
    this.broker = broker
    broker.problems$.subscribe((problem) => this.problems.push(problem))
    this.#serving = this.#transports.pipe(broker.serve()).subscribe((event) => this.events.push(event))
  }

  static async open(options: BrokerOptions = {}): Promise<Scene> {
    return new Scene(await openBroker({ sysInterval: 0, ...options }))
  }

  /** Connects, and waits for what CONNACK says. */
  async client(fields: ConnectFields, options: ClientOptions = {}): Promise<TestClient> {
    const client = this.dial(fields, options)
    await pass()
    return client
  }

  /** Connects; nothing of it has happened yet. */
  dial(fields: ConnectFields, options: ClientOptions = {}): TestClient {
    return new TestClient(this.transport(), { protocolVersion: 5, clean: true, keepalive: 0, ...fields }, options)
  }

  /** A transport to the broker; who is there has said nothing yet. */
  transport(): Transport {
    const [ours, theirs] = memoryPair()
    this.#transports.next(theirs)
    return ours
  }

  /** The server stops: everybody is told. */
  async stop(): Promise<void> {
    this.#serving.unsubscribe()
    await pass(1_000)
  }

  async close(): Promise<void> {
    await this.stop()
    await this.broker.close()
  }
}

export interface ClientOptions {
  /** Answers what it gets with QoS 1 and 2. @default true */
  readonly acks?: boolean | undefined
}

/** A client that does what it is told and remembers what it gets. */
export class TestClient {
  readonly connection: Connection
  readonly received: Packet[] = []
  /** How it ended: undefined as long as it goes on. */
  end: { readonly error?: unknown } | undefined
  #messageId = 0

  constructor(transport: Transport, fields: ConnectFields, { acks = true }: ClientOptions) {
    const connection = new Connection(transport, { role: 'client', maximumPacketSize: 268_435_455 })
    this.connection = connection
    connection.closed$.subscribe({
      complete: () => (this.end = {}),
      error: (error: unknown) => (this.end = { error }),
    })
    connection.packets$.subscribe((packet) => {
      this.received.push(packet)
      if (acks) answer(connection, packet)
    })
    connection.connect(fields)
  }

  get connack(): ConnackPacket {
    return this.of('connack')[0]!
  }

  /** Packets of a type, in the order in which they came. */
  of<T extends PacketType>(type: T): PacketOf<T>[] {
    return this.received.filter((packet): packet is PacketOf<T> => packet.cmd === type)
  }

  /** What it was told: topic and payload of each PUBLISH. */
  get heard(): string[] {
    return this.of('publish').map(({ topic, payload }) => `${topic} ${new TextDecoder().decode(payload)}`)
  }

  /** The same with QoS and flags, such as `a/b hello 1r`: r is retained, d a duplicate. */
  get told(): string[] {
    const { heard } = this
    return this.of('publish').map(
      ({ qos, retain, dup }, i) => `${heard[i]} ${qos}${retain ? 'r' : ''}${dup ? 'd' : ''}`,
    )
  }

  /** Forgets what came until now. */
  forget(): void {
    this.received.length = 0
  }

  /** Subscribes, and gives the codes of SUBACK. */
  async subscribe(
    subscriptions: SubscribeFields['subscriptions'],
    properties?: SubscribeFields['properties'],
  ): Promise<readonly number[]> {
    const messageId = ++this.#messageId
    this.connection.subscribe({ messageId, subscriptions, properties })
    await pass()
    return this.of('suback').find((packet) => packet.messageId === messageId)!.granted
  }

  async unsubscribe(...unsubscriptions: string[]): Promise<PacketOf<'unsuback'>> {
    const messageId = ++this.#messageId
    this.connection.unsubscribe({ messageId, unsubscriptions })
    await pass()
    return this.of('unsuback').find((packet) => packet.messageId === messageId)!
  }

  /** Publishes, and waits for what follows. */
  async publish(fields: Omit<PublishFields, 'messageId'>): Promise<void> {
    this.connection.publish(fields.qos ? { ...fields, messageId: ++this.#messageId } : fields)
    await pass()
  }

  async disconnect(fields: Parameters<Connection['disconnect']>[0] = {}): Promise<void> {
    this.connection.disconnect(fields)
    await pass()
  }

  /** Vanishes without a goodbye. */
  async vanish(): Promise<void> {
    this.connection.destroy()
    await pass()
  }
}

function answer(connection: Connection, packet: Packet): void {
  if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) < 0x80) connection.pubrel({ messageId: packet.messageId })
  else if (packet.cmd === 'pubrel') connection.pubcomp({ messageId: packet.messageId })
  else if (packet.cmd === 'publish' && packet.qos === 1) connection.puback({ messageId: packet.messageId! })
  else if (packet.cmd === 'publish' && packet.qos === 2) connection.pubrec({ messageId: packet.messageId! })
}

/** Lets milliseconds go by. */
export async function pass(milliseconds = 10): Promise<void> {
  await jest.advanceTimersByTimeAsync(milliseconds)
}

/** For the specs of a file: time is jest's, and goes by only in `pass`. */
export function useTime(): void {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }))
  afterEach(() => jest.useRealTimers())
}

export const versions: readonly ProtocolVersion[] = [4, 5]
