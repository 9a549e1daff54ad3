import { type Authorize, type ConnackFields, type ConnectPacket, type Connection, MqttError } from '@rxmqtt/core'
import { concatMap, defer, map, type Observable, of, take, tap, throwIfEmpty } from 'rxjs'
import { checkLevels, mayPublish } from './authorization.js'
import type { Clients } from './clients.js'
import type { BrokerSettings } from './settings.js'
import { packetOf } from './wills.js'

/**
 * Who is let in, and what CONNACK says: the hook's answer, then whether the client may leave its will, then its session.
 *
 * @param problem - told of a hook that fails
 */
export function admission(settings: BrokerSettings, clients: Clients, problem: (error: unknown) => void): Authorize {
  const { authorization, receiveMaximum, topicAliasMaximum, maximumPacketSize, responseInformation } = settings

  function told<T>(answer$: Observable<T>): Observable<T> {
    const isMeant = (error: unknown): boolean => error instanceof MqttError && error.code === 'refused'
    return answer$.pipe(tap({ error: (error: unknown) => !isMeant(error) && problem(error) }))
  }

  function ask(connect: ConnectPacket, connection: Connection): Observable<ConnackFields> {
    return told(
      defer(() => authorization.connect?.(connect, connection) ?? of<ConnackFields>({})).pipe(
        take(1),
        throwIfEmpty(() => new MqttError('invalid-option', 'authorization.connect must answer, it gave nothing')),
      ),
    )
  }

  function mayLeaveWill({ clientId, username, will }: ConnectPacket, connection: Connection): Observable<void> {
    const answer$ = will === undefined || mayPublish(packetOf(will), { clientId, username, connection }, authorization)
    return (typeof answer$ === 'boolean' ? of(answer$) : told(answer$)).pipe(
      map((isAllowed) => {
        if (will !== undefined) checkLevels('will.topic', will.topic, settings.maximumLevels)
        if (isAllowed) return
        throw new MqttError('refused', 'the client may not publish its will', { reasonCode: 0x87 })
      }),
    )
  }

  function accepted(connect: ConnectPacket, answer: ConnackFields): ConnackFields {
    const clientId = answer.properties?.assignedClientIdentifier ?? connect.clientId
    const { sessionPresent, properties } = clients.admit({ ...connect, clientId })
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
    ask(connect, connection).pipe(
      concatMap((answer) =>
        refuses(answer) ? of(answer) : mayLeaveWill(connect, connection).pipe(map(() => accepted(connect, answer))),
      ),
    )
}

function refuses({ reasonCode = 0, returnCode = 0 }: ConnackFields): boolean {
  return reasonCode >= 0x80 || returnCode > 0
}
