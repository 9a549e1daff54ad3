import type { ConnectPacket, ProtocolVersion, QoS, Will } from '../packet/packet.js'
import type { ReadPacket, WritePacket } from './body.js'
import { type Block, generateBody, propertiesOf, readDelegated, writeBody } from './delegate.js'
import { checkText, forbid, type Input, toBoolean, toBytes, toInteger, toObject } from './input.js'
import { toBuffer } from './mqtt-packet.js'
import { utf8Length } from './utf8.js'
import { checkConnect, checkProtocol, names } from './validate.js'
import { invalidPacket } from './violation.js'

const cleanFlag = 0x02
const usernameFlag = 0x80

/** Reads the body of a CONNECT [3.1], by the level that stands in it. */
export const readConnect: ReadPacket = (reader, _flags, version) => {
  const { raw, walk, length } = readDelegated('connect', reader, version)
  const { protocolId, clean, clientId, keepalive, username, password, will } = raw
  const packet: ConnectPacket = {
    cmd: 'connect',
    length,
    protocolId,
    protocolVersion: walk.version,
    clean,
    clientId,
    keepalive,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: toView(password) }),
    ...(will !== undefined && {
      will: {
        topic: will.topic,
        payload: toView(will.payload),
        qos: will.qos,
        retain: will.retain,
        ...propertiesOf(walk, 'will'),
      },
    }),
    ...propertiesOf(walk, 'connect'),
  }
  checkConnect(packet)
  return packet
}

/** The bytes of a Buffer, not as a Buffer; the memory is the frame's copy. */
function toView(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

/**
 * Writes the body of a CONNECT. mqtt-packet refuses two that MQTT 5 allows, an empty client id with clean start 0 and a
 * password without a username: they are generated with clean start and an empty username, then mended.
 */
export const writeConnect: WritePacket<'connect'> = (writer, input, version) => {
  const packet = toConnect(input, version)
  checkConnect(packet)
  const { protocolId, protocolVersion, clientId, clean, username, password, will } = packet
  const isAlone = password !== undefined && username === undefined
  const generated = {
    ...packet,
    clean: clean || clientId === '',
    username: isAlone ? '' : username,
    password: password && toBuffer(password),
    will: will && { ...will, payload: toBuffer(will.payload), properties: undefined },
    properties: undefined,
  }
  let body = generateBody(generated, protocolVersion, 'CONNECT')
  const flagsAt = protocolId.length + 3
  if (!clean) body[flagsAt]! &= ~cleanFlag
  if (isAlone) {
    body[flagsAt]! &= ~usernameFlag
    const usernameAt = body.length - password.length - 4
    body.copyWithin(usernameAt, usernameAt + 2)
    body = body.subarray(0, -2)
  }
  const connectAt = flagsAt + 3
  const willAt = connectAt + 3 + utf8Length(clientId)
  const blocks: Block[] = [[connectAt, 'connect', packet.properties]]
  if (will !== undefined) blocks.push([willAt, 'will', will.properties])
  writeBody(writer, body, protocolVersion, ...blocks)
  return 0
}

function toConnect(input: Input, version: ProtocolVersion): ConnectPacket {
  const { protocolVersion = version, clean, clientId = '', keepalive = 0, username, password, will } = input
  const { protocolId = protocolVersion === 3 ? 'MQIsdp' : 'MQTT', properties } = input
  checkProtocol(protocolId, protocolVersion)
  if (protocolVersion < 5) forbid(input, ['properties'], 'CONNECT', protocolVersion)
  checkText(clientId, 'CONNECT clientId')
  if (username !== undefined) checkText(username, 'CONNECT username')
  if (protocolVersion < 5 && password !== undefined && username === undefined) {
    throw invalidPacket(`CONNECT password needs username in MQTT ${names[protocolVersion]} [MQTT-3.1.2-22]`)
  }
  return {
    cmd: 'connect',
    length: 0,
    protocolId: protocolId as ConnectPacket['protocolId'],
    protocolVersion,
    clean: toBoolean(clean, true, 'CONNECT clean'),
    clientId,
    keepalive: toInteger(keepalive, 65_535, 'CONNECT keepalive'),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: toBytes(password, 'CONNECT password') }),
    ...(will !== undefined && { will: toWill(will, protocolVersion) }),
    ...(properties !== undefined && { properties: toObject(properties, 'CONNECT properties') }),
  }
}

function toWill(value: unknown, version: ProtocolVersion): Will {
  const input = toObject(value, 'CONNECT will')
  const { topic, payload = '', qos = 0, retain, properties } = input
  if (version < 5) forbid(input, ['properties'], 'CONNECT will', version)
  checkText(topic, 'CONNECT will topic')
  return {
    topic,
    payload: toBytes(payload, 'CONNECT will payload'),
    qos: toInteger(qos, 2, 'CONNECT will qos') as QoS,
    retain: toBoolean(retain, false, 'CONNECT will retain'),
    ...(properties !== undefined && { properties: toObject(properties, 'CONNECT will properties') }),
  }
}
