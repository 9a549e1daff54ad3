import { MqttError } from '../errors.js'

/** What a store says: the peer, where it is told, hears that this end has a problem of its own, 0x83. */
export function storeFailure(message: string, cause?: unknown): MqttError {
  return new MqttError('store', message, { reasonCode: 0x83, cause })
}
