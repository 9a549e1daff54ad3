import { connect, type Socket } from 'node:net'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { type Random, seeded } from './random.js'

/** One way to misbehave: what such a peer does, and how the server's connection may end while the peer is there. */
interface Way {
  play(socket: Socket, every: (milliseconds: number, act: () => void) => void, random: Random): void
  /** The ends that it deserves; empty where it is to be borne. */
  readonly ends: readonly string[]
}

const hello = (clientId: string): Buffer => encode(5, { cmd: 'connect', protocolVersion: 5, clientId })
const publish = (length: number): Buffer => encode(5, { cmd: 'publish', topic: 'bad', payload: new Uint8Array(length) })
const refused = ['malformed-packet', 'protocol-error', 'packet-too-large', 'unsupported-version']

/** A peer that never reads: its socket is not flowing. */
function deaf(socket: Socket): void {
  socket.removeAllListeners('data').pause()
}

export const ways: Readonly<Record<string, Way>> = {
  'sends garbage': {
    play: (socket, _, random) => socket.write(random.bytes(500)),
    ends: refused,
  },
  'sends garbage after CONNECT': {
    play: (socket, _, random) => socket.write(Buffer.concat([hello('bad'), Buffer.of(0), random.bytes(500)])),
    ends: refused,
  },
  'sends half a packet and no more': {
    play: (socket) => socket.write(Buffer.concat([hello('bad'), publish(1_000).subarray(0, 500)])),
    ends: [],
  },
  'resets in the middle of a packet': {
    play: (socket) => {
      // After its CONNACK: a peer that is gone before it is accepted has no port by which the server knows it.
      socket.once('data', () => socket.resetAndDestroy())
      socket.write(Buffer.concat([hello('bad'), publish(1_000).subarray(0, 500)]))
    },
    ends: ['transport', 'malformed-packet'],
  },
  'announces 256 MiB': {
    play: (socket) =>
      socket.write(Buffer.concat([hello('bad'), Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f), publish(9_000)])),
    ends: ['packet-too-large'],
  },
  'floods and never reads': {
    play: (socket, every) => {
      deaf(socket)
      socket.write(hello('flood'))
      every(5, () => socket.write(publish(2_000)))
    },
    ends: ['overflow'],
  },
  'sends a byte now and then': {
    play: (socket, every) => {
      const bytes = Buffer.concat([hello('bad'), publish(1_000_000)])
      let at = 0
      every(100, () => socket.write(bytes.subarray(at, ++at)))
    },
    ends: [],
  },
  'never sends CONNECT': { play: () => undefined, ends: [] },
  'speaks version 9': {
    play: (socket) => {
      const bytes = hello('bad')
      bytes[8] = 9
      socket.write(bytes)
    },
    ends: ['unsupported-version'],
  },
  'sends what only a server sends': {
    play: (socket) => socket.write(Buffer.concat([hello('bad'), encode(5, { cmd: 'pingresp' })])),
    ends: ['protocol-error'],
  },
  'sends CONNECT twice': {
    play: (socket) => socket.write(Buffer.concat([hello('bad'), hello('bad')])),
    ends: ['protocol-error'],
  },
  'reads slowly': {
    play: (socket, every) => {
      deaf(socket)
      socket.write(hello('slow'))
      every(50, () => void socket.read(4_096))
    },
    ends: [],
  },
}

/** Bad peers of every way in turn, each of which comes back when it was cut off. */
export class BadPeers {
  readonly #port: number
  readonly #seed: number
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** The ways of the peers with each local port, in order. */
  readonly ports = new Map<number, string[]>()
  dials = 0
  #stopped = false

  constructor(port: number, seed: number) {
    this.#port = port
    this.#seed = seed
  }

  start(count: number): void {
    const names = Object.keys(ways)
    for (let i = 0; i < count; i += 1) this.#dial(names[i % names.length]!)
  }

  /** Destroys all and waits until they are closed. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    const closing = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closing)
  }

  #dial(name: string): void {
    const random = seeded(this.#seed + this.dials)
    this.dials += 1
    const socket = connect({ host: HOST, port: this.#port, noDelay: true })
    const timers: NodeJS.Timeout[] = []
    const every = (milliseconds: number, act: () => void): void => {
      const timer = setInterval(act, milliseconds)
      timers.push(timer)
      this.#timers.add(timer)
    }
    this.#sockets.add(socket)
    // To be cut off is what it deserves.
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.once('connect', () => {
      this.ports.set(socket.localPort!, [...(this.ports.get(socket.localPort!) ?? []), name])
      ways[name]!.play(socket, every, random)
    })
    socket.once('close', () => {
      this.#sockets.delete(socket)
      for (const timer of timers) {
        clearInterval(timer)
        this.#timers.delete(timer)
      }
      if (!this.#stopped) this.#again(name)
    })
  }

  #again(name: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (!this.#stopped) this.#dial(name)
    }, 100)
    this.#timers.add(timer)
  }
}
