import { MqttError } from '../errors.js'
import type { ConnackPacket, ProtocolVersion } from '../packet/packet.js'
import { ReturnCode } from '../packet/reason-code.js'
import type { ReadPacket, WritePacket } from './body.js'
import { generateBody, propertiesOf, readDelegated, writeBody } from './delegate.js'
import { forbid, type Input, toBoolean, toInteger, toObject } from './input.js'
import { checkConnack } from './validate.js'
import { invalidPacket } from './violation.js'

/** Reads the body of a CONNACK [3.2]. MQTT 3.1 has no session present flag: it says nothing there. */
export const readConnack: ReadPacket = (reader, _flags, version) => {
  if (version === 5 && reader.remaining === 2) refuseOlderAnswer(reader.bytes[reader.position + 1]!)
  const { raw, walk, length } = readDelegated('connack', reader, version)
  const packet = {
    cmd: 'connack',
    length,
    sessionPresent: version > 3 && raw.sessionPresent,
    ...(version === 5 ? { reasonCode: raw.reasonCode } : { returnCode: raw.returnCode }),
    ...propertiesOf(walk, 'connack'),
  } as ConnackPacket
  checkConnack(packet, version)
  return packet
}

/**
 * Without room for properties it is no CONNACK of MQTT 5, but how a server that does not know MQTT 5 says no.
 *
 * @throws MqttError `'unsupported-version'` for return code 1, `'refused'` for 2 to 5
 */
function refuseOlderAnswer(returnCode: number): void {
  if (returnCode < 1 || returnCode > 5) return
  const code = returnCode === ReturnCode.UnacceptableProtocolVersion ? 'unsupported-version' : 'refused'
  const message = `CONNACK of MQTT 3.1.1 with return code ${returnCode}: the server does not speak MQTT 5 [MQTT311 3.2.2.3]`
  throw new MqttError(code, message, { returnCode })
}

/** Writes the body of a CONNACK. */
export const writeConnack: WritePacket<'connack'> = (writer, input, version) => {
  const packet = toConnack(input, version)
  checkConnack(packet, version)
  const body = generateBody({ ...packet, properties: undefined }, version, 'CONNACK')
  writeBody(writer, body, version, [2, 'connack', packet.properties])
  return 0
}

function toConnack(input: Input, version: ProtocolVersion): ConnackPacket {
  const sessionPresent = toBoolean(input['sessionPresent'], false, 'CONNACK sessionPresent')
  const packet = { cmd: 'connack', length: 0, sessionPresent }
  if (version < 5) {
    forbid(input, ['reasonCode', 'properties'], 'CONNACK', version)
    if (version === 3 && sessionPresent) throw invalidPacket('CONNACK sessionPresent must be false in MQTT 3.1')
    const { returnCode = 0 } = input
    return { ...packet, returnCode: toInteger(returnCode, 5, 'CONNACK returnCode') } as ConnackPacket
  }
  forbid(input, ['returnCode'], 'CONNACK', version)
  const { reasonCode = 0, properties } = input
  const code = toInteger(reasonCode, 255, 'CONNACK reasonCode')
  if (properties === undefined) return { ...packet, reasonCode: code } as ConnackPacket
  return { ...packet, reasonCode: code, properties: toObject(properties, 'CONNACK properties') } as ConnackPacket
}
