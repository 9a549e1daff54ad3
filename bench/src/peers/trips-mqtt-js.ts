import { connect } from 'mqtt'
import { topic } from '../frames.js'
import { host } from './peer.js'
import type { TripClient, TripOrder } from './trips.js'

/** MQTT.js as it comes, but for reconnecting. */
export async function dial({ port, version, qos, payload }: TripOrder): Promise<TripClient> {
  const options = {
    clientId: 'trips',
    clean: true,
    reconnectPeriod: 0,
    keepalive: 0,
    protocolVersion: version,
  } as const
  const client = connect({ host, port, protocol: 'mqtt', ...options })
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
  })
  const bytes = Buffer.alloc(payload, 0x78)
  return {
    publish: (onAcknowledged) =>
      client.publish(topic, bytes, { qos }, (error) => {
        if (error) throw error
        onAcknowledged()
      }),
    end: () => client.endAsync(),
  }
}
