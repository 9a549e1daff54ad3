import { MqttError } from '../errors.js'

/** Milliseconds that a store may take for an answer. */
export const storeTimeout = 30_000

/** What a store says: the peer, where it is told, hears that this end has a problem of its own, 0x83. */
export function storeFailure(message: string, cause?: unknown): MqttError {
  return new MqttError('store', message, { reasonCode: 0x83, cause })
}

/** What a store threw or rejected with, as an error that names it. */
export function storeError(error: unknown): MqttError {
  return error instanceof MqttError && error.code === 'store'
    ? error
    : storeFailure("the session's store failed", error)
}

/** The error of a store that does not answer. */
export function storeLate(): MqttError {
  return storeFailure(`the session's store did not answer within ${storeTimeout} ms`)
}
