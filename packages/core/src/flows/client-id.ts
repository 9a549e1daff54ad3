/** A client id for who sent none: 22 characters that nobody can guess, fit for every version [MQTT-3.2.2-16]. */
export function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(22))
  return Array.from(bytes, (byte) => alphabet[byte & 31]).join('')
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
