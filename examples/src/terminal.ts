import { inspect } from 'node:util'
import { type Connection, type Packet } from '@rxmqtt/core'
import { describe, frameSize, versionName } from './describe.js'
import type { Seen } from './wiretap.js'

type Style = 'bold' | 'dim' | 'cyan' | 'green' | 'red'

/** Colours a text, or leaves it. */
export type Paint = (style: Style, text: string) => string

/** With colours, or without. */
export function painter(colour: boolean): Paint {
  return (style, text) => {
    const [on, off] = inspect.colors[style] as [number, number]
    return colour ? `\u001b[${on}m${text}\u001b[${off}m` : text
  }
}

export const heading: string = '     ms  client        via      packet'

export interface LineOptions {
  /** When it began, in the milliseconds of `performance.now`. */
  readonly started: number
  /** Characters that a line may have. */
  readonly columns: number
  readonly paint: Paint
}

/** Makes the lines of one connection, seen from the server. */
export function lineMaker(connection: Connection, { started, columns, paint }: LineOptions): (seen: Seen) => string {
  const via = connection.transport.info.kind.padEnd(4)
  let client = ''
  return ({ way, packet }) => {
    if (packet.cmd === 'connect') client = nameOf(packet.clientId) || `:${connection.transport.info.remotePort ?? '?'}`
    const time = (performance.now() - started).toFixed(0).padStart(7)
    const before = `${paint('dim', time)}  ${client.padEnd(12)}  ${paint('dim', via)}`
    const arrow = way === 'in' ? paint('cyan', '-->') : paint('green', '<--')
    return `${before} ${arrow} ${painted(packet, columns - 32, paint)}`
  }
}

function nameOf(clientId: string): string {
  const plain = clientId.replace(/[^\x20-\x7e]/g, '?')
  return plain.length > 12 ? `${plain.slice(0, 11)}~` : plain
}

function painted(packet: Packet, width: number, paint: Paint): string {
  const whole = describe(packet)
  const line = whole.length > width ? `${whole.slice(0, width - 3)}...` : whole
  const failed = 'reasonCode' in packet && (packet.reasonCode ?? 0) >= 0x80
  const style = failed ? 'red' : packet.cmd === 'publish' ? 'bold' : 'dim'
  return paint(style, line.slice(0, 11)) + line.slice(11)
}

/** Counts what went through the server. */
export class Tally {
  readonly #started: number
  readonly #versions = new Set<3 | 4 | 5>()
  readonly #kinds = new Map<string, number>()
  readonly #packets = { in: 0, out: 0 }
  readonly #bytes = { in: 0, out: 0 }
  readonly #messages = { in: 0, out: 0 }

  constructor(started: number) {
    this.#started = started
  }

  add(connection: Connection, { way, packet }: Seen): void {
    this.#packets[way] += 1
    this.#bytes[way] += frameSize(packet)
    if (packet.cmd === 'publish') this.#messages[way] += 1
    if (packet.cmd !== 'connect') return
    const { kind } = connection.transport.info
    this.#versions.add(packet.protocolVersion)
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1)
  }

  /** The sums, a line each. */
  lines(): string[] {
    const clients = [...this.#kinds.values()].reduce((sum, count) => sum + count, 0)
    const kinds = [...this.#kinds].map(([kind, count]) => `${count} by ${kind}`)
    const versions = [...this.#versions].sort().map(versionName)
    return [
      `clients   ${[clients, ...kinds].join(', ')}; ${versions.join(', ')}`,
      ...(['in', 'out'] as const).map((way) => {
        const towards = way === 'in' ? 'received ' : 'sent     '
        return `${towards} ${this.#packets[way]} packets, ${this.#messages[way]} of them messages, ${this.#bytes[way]} bytes`
      }),
      `time      ${((performance.now() - this.#started) / 1_000).toFixed(1)} s`,
    ]
  }
}
