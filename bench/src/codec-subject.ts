import { performance } from 'node:perf_hooks'
import { Decoder, Encoder, type PacketInput, Protocol } from '@rxmqtt/core'
import mqttPacket from 'mqtt-packet'
import { serveTasks } from './child.js'
import { frameOf, topic } from './frames.js'
import { cpuSeconds, type Speed } from './measure.js'

/** The measured process of the codecs: `rxmqtt` or `mqtt-packet`, without any socket. */
const properties = {
  messageExpiryInterval: 3_600,
  contentType: 'application/json',
  userProperties: { source: 'gateway-1' },
}
const batch = 100
const payload = Buffer.alloc(32, 0x78)
const packet = { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false, properties } as const
const frame = frameOf(packet satisfies PacketInput, 5)
const chunk = Buffer.concat(new Array<Buffer>(batch).fill(frame))
const options = { protocolVersion: 5 }

/** Each does a hundred packets and returns how many it did. */
function parseOurs(): () => number {
  const decoder = new Decoder({ protocol: new Protocol(5) })
  return () => {
    let packets = 0
    decoder.push(chunk)
    while (decoder.read() !== undefined) packets++
    return packets
  }
}

function parseTheirs(): () => number {
  const parser = mqttPacket.parser(options)
  let packets = 0
  parser.on('packet', () => packets++)
  parser.on('error', (error) => {
    throw error as Error
  })
  return () => {
    packets = 0
    parser.parse(chunk)
    return packets
  }
}

function generateOurs(): () => number {
  const encoder = new Encoder({ protocol: new Protocol(5) })
  return () => {
    for (let i = 0; i < batch; i++) encoder.write(packet)
    return Math.floor(encoder.take().reduce((sum, { length }) => sum + length, 0) / frame.length)
  }
}

function generateTheirs(): () => number {
  return () => {
    let bytes = 0
    for (let i = 0; i < batch; i++) bytes += mqttPacket.generate(packet, options).length
    return Math.floor(bytes / frame.length)
  }
}

const works = {
  rxmqtt: { parse: parseOurs(), generate: generateOurs() },
  'mqtt-packet': { parse: parseTheirs(), generate: generateTheirs() },
}

const tasks = {
  measure({ library, work, milliseconds }: CodecOrder): Speed {
    const run = works[library][work]
    const began = performance.now()
    const cpu = cpuSeconds()
    let packets = 0
    while (performance.now() - began < milliseconds) {
      const done = run()
      if (done !== batch) throw new Error(`${library} did ${done} packets of ${batch}`)
      packets += done
    }
    const seconds = (performance.now() - began) / 1_000
    return { perSecond: packets / seconds, perCpuSecond: packets / (cpuSeconds() - cpu) }
  },
}

interface CodecOrder {
  readonly library: keyof typeof works
  readonly work: 'parse' | 'generate'
  readonly milliseconds: number
}

export type CodecSubject = typeof tasks
serveTasks(tasks)
