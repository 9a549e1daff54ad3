import { decode, encode, failure } from '../spec-support/codec.js'
import { packetOf } from '../spec-support/conformance/statement.js'
import { toHex } from '../testing/wire.js'
import { ByteWriter } from './byte-writer.js'
import { ByteReader } from './bytes.js'
import { generateBody, writeBody } from './delegate.js'
import { walkFrame } from './grammar.js'
import { generateFrame, parseFrame } from './mqtt-packet.js'

describe('what mqtt-packet refuses or gets wrong', () => {
  test('its errors come out of parseFrame', () => {
    expect(() => parseFrame(packetOf('10: 0004 "MQTX" 04 02 0000 0000'), 4)).toThrow('Invalid protocolId')
    expect(() => parseFrame(packetOf('10 20 00'), 4)).toThrow('the frame is not whole')
  })

  test('a parser keeps nothing for the next frame', () => {
    parseFrame(packetOf('10: 0004 "MQTT" 05 02 0000 00 0001 "a"'), 4)
    expect(parseFrame(packetOf('20: 00 01'), 4)).toMatchObject({ returnCode: 1 })
    expect(() => parseFrame(packetOf('c1 00'), 4)).toThrow('Invalid header flag')
    expect(parseFrame(packetOf('c0 00'), 4)).toMatchObject({ cmd: 'pingreq' })
  })

  test('its errors on the way out are invalid packets with a cause', () => {
    const error = failure(() => generateBody({ cmd: 'suback', messageId: 1, granted: [] }, 4, 'SUBACK'))
    expect(error).toMatchObject({
      code: 'invalid-packet',
      message: expect.stringContaining('Invalid qos vector') as unknown,
    })
  })

  test('bytes that are not as many as their header says are never sent', () => {
    // It counts the characters of a protocol name as bytes.
    const packet = { cmd: 'connect', protocolId: 'é', clientId: 'a' }
    expect(toHex(generateFrame(packet, 4))).toBe('100a0002c3a90402000000' + '0161')
    expect(failure(() => generateBody(packet, 4, 'CONNECT'))).toMatchObject({
      code: 'invalid-packet',
      message: 'CONNECT was generated with 11 bytes where its header says 10',
    })
  })

  test('a password without a user name and an empty client id without clean start are written in MQTT 5', () => {
    const bytes = encode(5, {
      cmd: 'connect',
      clean: false,
      password: 'secret',
      will: { topic: 'w', payload: '', properties: { willDelayInterval: 1 } },
      properties: { topicAliasMaximum: 1 },
    })
    const will = '05 18 00000001 0001 "w" 0000'
    expect(toHex(bytes)).toBe(toHex(packetOf(`10: 0004 "MQTT" 05 44 0000 03 22 0001 0000 ${will} 0006 "secret"`)))
  })

  test('DUP of MQTT 3.1 is hidden from it and restored', () => {
    expect(decode(3, packetOf('8a: 000a 0001 "a" 01'))).toEqual([
      { cmd: 'subscribe', length: 6, messageId: 10, subscriptions: [{ topic: 'a', qos: 1 }], dup: true },
    ])
  })
})

describe('the packets it reads', () => {
  test('have the members that are documented and no others', () => {
    const members = (bytes: Uint8Array, version: 3 | 4 | 5): string[] => Object.keys(decode(version, bytes)[0]!).sort()
    const connect = ['clean', 'clientId', 'cmd', 'keepalive', 'length', 'protocolId', 'protocolVersion']
    expect(members(packetOf('10: 0004 "MQTT" 05 02 0000 00 0000'), 4)).toEqual(connect)
    expect(members(packetOf('20: 00 00'), 4)).toEqual(['cmd', 'length', 'returnCode', 'sessionPresent'])
    expect(members(packetOf('20: 00 00 00'), 5)).toEqual(['cmd', 'length', 'reasonCode', 'sessionPresent'])
    expect(members(packetOf('82: 0001 0001 "a" 00'), 4)).toEqual(['cmd', 'length', 'messageId', 'subscriptions'])
    expect(members(packetOf('90: 0001 00 00'), 5)).toEqual(['cmd', 'granted', 'length', 'messageId'])
    expect(members(packetOf('a2: 0001 0001 "a"'), 4)).toEqual(['cmd', 'length', 'messageId', 'unsubscriptions'])
    expect(members(packetOf('b0: 0001'), 4)).toEqual(['cmd', 'length', 'messageId'])
  })

  test('have the length of the frame as it came, properties included', () => {
    expect(decode(5, packetOf('90: 0001 05 1f 0002 "ok" 00'))).toMatchObject([{ length: 9 }])
  })

  test('give bytes as Uint8Array that keep no chunk in memory', () => {
    const chunk = new Uint8Array(65_536)
    const bytes = packetOf('10: 0004 "MQTT" 04 c6 0000 0001 "c" 0001 "w" 0002 "hi" 0001 "u" 0001 "p"')
    chunk.set(bytes)
    const [packet] = decode(4, chunk.subarray(0, bytes.length))
    const { password, will } = packet as { password: Uint8Array; will: { payload: Uint8Array } }
    expect(password.constructor).toBe(Uint8Array)
    expect(will.payload.constructor).toBe(Uint8Array)
    expect(toHex(will.payload)).toBe(toHex(bytes.subarray(20, 22)))
    expect(password.buffer.byteLength).toBeLessThan(1_024)
  })

  test('follow the level in a CONNECT, whatever the connection spoke', () => {
    const three = packetOf('10: 0006 "MQIsdp" 03 02 0000 0001 "a"')
    expect(decode(5, three)).toMatchObject([{ protocolVersion: 3, protocolId: 'MQIsdp' }])
    expect(decode(3, packetOf('10: 0004 "MQTT" 05 02 0000 00 0000'), packetOf('20: 00 00 00'))).toMatchObject([
      { protocolVersion: 5 },
      { reasonCode: 0 },
    ])
  })
})

describe('the walk over a frame', () => {
  const walk = (notation: string): ReturnType<typeof walkFrame> => {
    const bytes = packetOf(notation)
    return walkFrame(new ByteReader().open(bytes, 2, bytes.length, 'CONNECT'), 'connect', 4)
  }

  test('notes where property blocks stand and what they hold', () => {
    expect(walk('10: 0004 "MQTT" 05 06 0000 03 21 0001 0001 "a" 05 18 00000002 0001 "w" 0000')).toEqual({
      version: 5,
      flags: 6,
      flagsAt: 9,
      blocks: [
        { scope: 'connect', start: 12, end: 16, values: { receiveMaximum: 1 } },
        { scope: 'will', start: 19, end: 25, values: { willDelayInterval: 2 } },
      ],
    })
  })

  test('leaves no bytes over for mqtt-packet to step over', () => {
    expect(failure(() => walk('10: 0004 "MQTT" 04 02 0000 0001 "a" 00'))).toMatchObject({
      code: 'malformed-packet',
      message: 'CONNECT has 1 bytes left over after its last field [MQTT5 4.13.1] [MQTT-4.8.0-1]',
    })
  })

  test('never reads past the frame', () => {
    const bytes = packetOf('10: 0004 "MQTT" 05 02 0000 00 0001 "a"')
    const more = new Uint8Array(bytes.length + 64).fill(0x61)
    more.set(bytes)
    for (let end = 2; end < bytes.length; end++) {
      const reader = new ByteReader().open(more, 2, end, 'CONNECT')
      expect([end, failure(() => walkFrame(reader, 'connect', 4))]).toMatchObject([end, { code: 'malformed-packet' }])
      expect(reader.position).toBeLessThanOrEqual(end)
    }
  })
})

test('property blocks are put in where the generated body has empty ones, in MQTT 5 alone', () => {
  const writer = new ByteWriter(4)
  writer.packet = 'SUBACK'
  writeBody(writer, packetOf('000a 00 01'), 5, [2, 'suback', { reasonString: 'r' }])
  expect(toHex(writer.bytes.subarray(writer.start, writer.position))).toBe('000a041f00017201')
  writer.rollback()
  writeBody(writer, packetOf('000a 01'), 4, [2, 'suback', { reasonString: 'r' }])
  expect(toHex(writer.bytes.subarray(writer.start, writer.position))).toBe('000a01')
})
