import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import mqttPacket from 'mqtt-packet'
import { topic } from '../frames.js'
import { type Flood, flooded, type FloodOrder } from './flood.js'
import { host } from './peer.js'

/** The same flow by hand, over mqtt-packet and bare sockets: no queue, no store, no check of what the peer does. */
let received = 0

/** Writes packets, those of a turn together. */
function writerOf(socket: Socket): (packet: mqttPacket.Packet) => void {
  let isCorked = false
  const uncork = (): void => {
    isCorked = false
    socket.uncork()
  }
  return (packet) => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(uncork)
    }
    socket.write(mqttPacket.generate(packet))
  }
}

async function listen(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    const parser = mqttPacket.parser()
    const write = writerOf(socket)
    const unreleased = new Set<number>()
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        write({ cmd: 'connack', returnCode: 0, sessionPresent: false })
      } else if (packet.cmd === 'publish') {
        const { qos, messageId } = packet
        if (qos < 2 || !unreleased.has(messageId!)) received++
        if (qos === 2) unreleased.add(messageId!)
        if (qos > 0) write({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId! })
      } else if (packet.cmd === 'pubrel') {
        unreleased.delete(packet.messageId!)
        write({ cmd: 'pubcomp', messageId: packet.messageId! })
      }
    })
    socket.on('data', (chunk) => parser.parse(chunk))
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function send(order: FloodOrder): Promise<number> {
  const { port, payload } = order
  const socket = connect({ host, port, noDelay: true })
  const parser = mqttPacket.parser()
  const write = writerOf(socket)
  const bytes = Buffer.alloc(payload, 0x78)
  const inFlight = new Map<number, () => void>()
  const waiting: (() => void)[] = []
  let last = 0
  socket.on('data', (chunk) => parser.parse(chunk))
  const finish = (messageId: number): void => {
    const onDone = inFlight.get(messageId)
    inFlight.delete(messageId)
    onDone?.()
  }
  socket.on('drain', () => {
    for (const onDone of waiting.splice(0)) onDone()
  })
  parser.on('packet', (packet) => {
    if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') finish(packet.messageId!)
    else if (packet.cmd === 'pubrec') write({ cmd: 'pubrel', messageId: packet.messageId! })
  })
  write({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'flood', clean: true, keepalive: 0 })
  await new Promise<void>((resolve) => parser.once('packet', () => resolve()))
  const seconds = await flooded(order, (qos, onDone) => {
    let messageId = 0
    if (qos > 0) {
      do last = last === 65_535 ? 1 : last + 1
      while (inFlight.has(last))
      messageId = last
      inFlight.set(messageId, onDone)
    }
    write({ cmd: 'publish', topic, payload: bytes, qos, dup: false, retain: false, messageId })
    if (qos > 0) return
    if (socket.writableNeedDrain) waiting.push(onDone)
    else onDone()
  })
  socket.end()
  return seconds
}

export const flood: Flood = { listen, send, received: () => received }
