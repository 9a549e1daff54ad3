import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'

/**
 * The keep-alive that applies on a connection, in seconds: the server's Server Keep Alive where its CONNACK has one, otherwise
 * what the CONNECT asked for [MQTT-3.2.2-21] [MQTT-3.2.2-22]; 0 is none. Takes packets as well as the fields of writers.
 *
 * @example
 * ```ts
 * handshake(connection, connect).pipe(
 *   switchMap(connack => keepAlive(connection, keepAliveOf({ connect, connack }))),
 * )
 * ```
 */
export function keepAliveOf(agreed: {
  readonly connect: { readonly keepalive?: number | undefined }
  readonly connack: { readonly properties?: { readonly serverKeepAlive?: number | undefined } | undefined }
}): number {
  return agreed.connack.properties?.serverKeepAlive ?? agreed.connect.keepalive ?? 0
}

/**
 * A keep-alive in seconds: a whole number from 0 to 65,535.
 *
 * @throws MqttError `'invalid-option'`
 */
export function checkKeepAlive(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 65_535) {
    throw new MqttError('invalid-option', `seconds must be an integer from 0 to 65535, not ${shown(seconds)}`)
  }
  return seconds
}
