import { type Authorize, type ConnackFields, type ConnectPacket, type Connection, MqttError } from '@rxmqtt/core'
import { concatMap, defer, map, type Observable, of, take } from 'rxjs'
import { mayPublish } from './authorization.js'
import type { Clients } from './clients.js'
import type { BrokerSettings } from './settings.js'
import { packetOf } from './wills.js'

/** Who is let in, and what CONNACK says: the hook's answer, then whether the client may leave its will, then its session. */
export function admission(settings: BrokerSettings, clients: Clients): Authorize {
  const { authorization, receiveMaximum, topicAliasMaximum, maximumPacketSize, responseInformation } = settings

  function mayLeaveWill({ clientId, username, will }: ConnectPacket, connection: Connection): Observable<void> {
    const answer$ = will === undefined || mayPublish(packetOf(will), { clientId, username, connection }, authorization)
    return (typeof answer$ === 'boolean' ? of(answer$) : answer$).pipe(
      map((isAllowed) => {
        if (isAllowed) return
        throw new MqttError('refused', 'the client may not publish its will', { reasonCode: 0x87 })
      }),
    )
  }

  function accepted(connect: ConnectPacket, answer: ConnackFields): ConnackFields {
    const { sessionPresent, properties } = clients.admit(connect)
    const isAsked = connect.properties?.requestResponseInformation === true && responseInformation !== undefined
    return {
      reasonCode: 0,
      ...answer,
      sessionPresent,
      properties: {
        receiveMaximum,
        topicAliasMaximum,
        maximumPacketSize,
        ...properties,
        ...(isAsked ? { responseInformation: responseInformation(connect) } : {}),
        ...answer.properties,
      },
    }
  }

  return (connect, connection) =>
    defer(() => authorization.connect?.(connect, connection) ?? of<ConnackFields>({})).pipe(
      take(1),
      concatMap((answer) =>
        refuses(answer) ? of(answer) : mayLeaveWill(connect, connection).pipe(map(() => accepted(connect, answer))),
      ),
    )
}

function refuses({ reasonCode = 0, returnCode = 0 }: ConnackFields): boolean {
  return reasonCode >= 0x80 || returnCode > 0
}
