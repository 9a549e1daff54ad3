import { MqttError } from '../errors.js'
import type { PublishResult } from './message.js'

/** The error of a message that the peer answered with a failure. */
export function refusalOf({ reasonCode, properties }: PublishResult): MqttError {
  const reason = properties?.reasonString === undefined ? '' : `: ${properties.reasonString}`
  return new MqttError('refused', `the peer refused the message, 0x${reasonCode.toString(16)}${reason}`, { reasonCode })
}

/** The error of a message whose session the peer has forgotten. */
export function sessionLost(): MqttError {
  return new MqttError('session-lost', 'the peer has forgotten the session that the message was sent in')
}
