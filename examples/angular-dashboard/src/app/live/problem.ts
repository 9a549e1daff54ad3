import { MqttError } from '@rxmqtt/core'

/** Why there is no connection, for people. */
export interface Problem {
  readonly kind: 'refused' | 'timeout' | 'offline' | 'unreachable' | 'lost'
  readonly title: string
  readonly text: string
  /** Trying again would end the same way. */
  readonly isFinal: boolean
}

/** What was going on when it failed. */
export interface Circumstances {
  /** The socket had been open. */
  readonly wasOpen: boolean
  readonly isOnline: boolean
}

/** Why servers refuse, by the reason code of MQTT 5. */
const refusals: Readonly<Record<number, string>> = {
  0x84: 'It does not speak MQTT 5.',
  0x85: 'It does not take this client id.',
  0x86: 'The user name or the password is wrong.',
  0x87: 'This client is not allowed to connect.',
  0x88: 'It is not available now.',
  0x89: 'It is busy.',
  0x8a: 'This client is banned.',
  0x8c: 'It wants another way of authentication.',
  0x97: 'A quota is used up.',
  0x9f: 'Too many clients connect at once.',
}
/** Refusals that pass. */
const passing: readonly unknown[] = [0x88, 0x89, 0x97, 0x9f]

const goodbyes: Readonly<Record<number, string>> = {
  0x89: 'The server is busy.',
  0x8b: 'The server is shutting down.',
  0x8d: 'The server had heard nothing for too long.',
  0x8e: 'Another client has connected with this client id.',
  0x98: 'An administrator has ended the connection.',
}
/** Two clients of one identifier would end each other for ever. */
const takenOver = 0x8e

export function problemOf(error: unknown, { wasOpen, isOnline }: Circumstances): Problem {
  const { code, reasonCode, message } =
    error instanceof MqttError
      ? error
      : new MqttError('transport', error instanceof Error ? error.message : String(error))
  if (code === 'refused') {
    const text = refusals[reasonCode ?? 0] ?? message
    const isFinal = !passing.includes(reasonCode)
    return { kind: 'refused', title: 'The server refused the connection', text, isFinal }
  }
  if (code === 'disconnected') {
    const text = goodbyes[reasonCode ?? 0] ?? message
    return { kind: 'lost', title: 'The server ended the connection', text, isFinal: reasonCode === takenOver }
  }
  if (code === 'invalid-option' || code === 'invalid-packet') {
    return { kind: 'unreachable', title: 'These settings can’t be used', text: message, isFinal: true }
  }
  if (!isOnline) {
    const text = 'This device has no network. The connection comes back with it.'
    return { kind: 'offline', title: 'You are offline', text, isFinal: false }
  }
  if (code === 'timeout') {
    const text = wasOpen ? 'It is there, but it does not answer.' : 'It could not be reached in time.'
    return { kind: 'timeout', title: 'The server does not answer', text, isFinal: false }
  }
  if (!wasOpen) {
    const text = 'It may be down, or the address may be wrong.'
    return { kind: 'unreachable', title: 'The server can’t be reached', text, isFinal: false }
  }
  return { kind: 'lost', title: 'The connection was lost', text: message, isFinal: false }
}
