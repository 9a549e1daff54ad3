import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet'

/** What a message is known by: its topic and its payload as text. */
export interface Heard {
  readonly topic: string
  readonly text: string
  readonly retain: boolean
}

const protocolVersion = 5

/**
 * An MQTT 5 client that shares no code with the broker: mqtt-packet on a bare socket. It acknowledges what it gets, and keeps what
 * its next life has to go on with.
 */
export class BareClient {
  readonly heard: Heard[] = []
  /** Payloads of messages that the broker has taken: PUBACK, or PUBREC, came. */
  readonly taken = new Set<string>()
  /** Called for each of them. */
  onTaken: () => void = () => undefined
  /** Messages that it has not taken, by packet identifier, in the order in which they were sent. */
  readonly #untaken = new Map<number, IPublishPacket>()
  /** QoS 2: PUBREC came, and no PUBCOMP. */
  readonly #unreleased = new Set<number>()
  readonly #fields: Partial<IConnectPacket>
  #socket: Socket | undefined
  #messageId = 0

  constructor(clientId: string, fields: Partial<IConnectPacket> = {}) {
    const properties = { sessionExpiryInterval: 3_600, receiveMaximum: 100, ...fields.properties }
    this.#fields = { clientId, keepalive: 0, ...fields, properties }
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#untaken.size + this.#unreleased.size
  }

  /** Connects, and sends again what is not over; whether the broker knew the session. */
  async connect(port: number, clean = false): Promise<boolean> {
    const reader = parser({ protocolVersion })
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    const connack = new Promise<boolean>((resolve, reject) => {
      reader.on('packet', (packet) => {
        if (packet.cmd !== 'connack') this.#take(packet)
        else if (packet.reasonCode === 0) resolve(packet.sessionPresent)
        else reject(new Error(`refused: ${packet.reasonCode}`))
      })
      socket.once('close', () => reject(new Error('closed before CONNACK')))
    })
    reader.on('error', (error: Error) => socket.destroy(error))
    socket.on('data', (chunk) => reader.parse(chunk))
    const fields = { protocolId: 'MQTT', protocolVersion, keepalive: 0, clean, clientId: '' } as const
    this.#send({ cmd: 'connect', ...fields, ...this.#fields })
    const isPresent = await connack
    for (const packet of this.#untaken.values()) this.#send({ ...packet, dup: true })
    for (const messageId of this.#unreleased) this.#send({ cmd: 'pubrel', messageId })
    return isPresent
  }

  /** Resolves when the broker has answered. */
  async subscribe(...topics: string[]): Promise<void> {
    this.#send({ cmd: 'subscribe', messageId: 65_535, subscriptions: topics.map((topic) => ({ topic, qos: 2 })) })
    await once(this.#socket!, 'suback')
  }

  publish(topic: string, text: string, qos: 1 | 2, retain = false): void {
    const messageId = (this.#messageId = 1 + (this.#messageId % 60_000))
    const packet: IPublishPacket = { cmd: 'publish', topic, payload: text, qos, retain, dup: false, messageId }
    this.#untaken.set(messageId, packet)
    this.#send(packet)
  }

  /** Vanishes without a goodbye. */
  vanish(): void {
    this.#socket?.destroy()
  }

  /** Resolves when nothing comes any more. */
  async closed(): Promise<void> {
    if (this.#socket?.closed === false) await once(this.#socket, 'close')
  }

  #take(packet: Packet): void {
    const messageId = packet.messageId!
    switch (packet.cmd) {
      case 'publish':
        this.heard.push({ topic: packet.topic, text: String(packet.payload), retain: packet.retain })
        if (packet.qos === 1) this.#send({ cmd: 'puback', messageId })
        if (packet.qos === 2) this.#send({ cmd: 'pubrec', messageId })
        break
      case 'pubrel':
        this.#send({ cmd: 'pubcomp', messageId })
        break
      case 'puback':
      case 'pubrec': {
        const { payload } = this.#untaken.get(messageId) ?? {}
        if (payload !== undefined) this.taken.add(String(payload))
        this.#untaken.delete(messageId)
        this.onTaken()
        if (packet.cmd === 'puback') break
        this.#unreleased.add(messageId)
        this.#send({ cmd: 'pubrel', messageId })
        break
      }
      case 'pubcomp':
        this.#unreleased.delete(messageId)
        break
      default:
        this.#socket!.emit(packet.cmd)
    }
  }

  #send(packet: Packet): void {
    this.#socket!.write(generate(packet, { protocolVersion }))
  }
}
