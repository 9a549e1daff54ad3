import type { ConnectFields } from '@rxmqtt/core'

/** Where to, and as whom. */
export interface Settings {
  readonly url: string
  readonly clientId: string
  readonly username: string
  readonly password: string
}

/** Seconds; also how long a server that is gone can go unnoticed, twice over. */
const keepalive = 10

/** The server that this page came from, as a client of its own in each tab. */
export function defaultSettings({ protocol, host }: { protocol: string; host: string }): Settings {
  const scheme = protocol === 'https:' ? 'wss' : 'ws'
  const clientId = `dashboard-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`
  return { url: `${scheme}://${host}/mqtt`, clientId, username: '', password: '' }
}

export function connectFields(settings: Settings, properties: ConnectFields['properties']): ConnectFields {
  const { clientId, username, password } = settings
  return {
    protocolVersion: 5,
    clientId,
    keepalive,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    properties,
  }
}

/** Whether a server is on this machine, which has nothing to do with the network. */
export function isLocal(url: string): boolean {
  try {
    return /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname)
  } catch {
    return false
  }
}
