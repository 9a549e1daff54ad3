import type { AddressInfo } from 'node:net'
import { Connection, type Delivery, handshake, type ProtocolVersion, type QoS, serve, Session } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { merge, of, Subject, switchMap, takeUntil, tap } from 'rxjs'
import { Findings } from './findings.js'
import { HOST } from './hub.js'
import { IdentifierWatch } from './identifier-watch.js'
import { leftOpen, open, until } from './process.js'

export interface PublishesOptions {
  readonly version: ProtocolVersion
  /** Messages of QoS 0, 1 and 2. */
  readonly amounts: readonly [number, number, number]
}

/** Of the receiver; an MQTT 5 peer is told. */
const RECEIVE_MAXIMUM = 100
/** Messages that are published before an earlier one is done. */
const AHEAD = 500
const IDENTIFIERS = 65_535
/** Milliseconds for the messages of one QoS. */
const LONGEST = 60_000

/** Publishes one message, and calls back when it is acknowledged. */
type Publish = (qos: QoS, onDone: () => void) => void

/**
 * A storm of messages from one session to another over TCP: nothing is lost or out of order, no packet identifier is in use
 * twice at a time, and once all were used they begin again, without the one that is still in use.
 */
export async function publishes({ version, amounts }: PublishesOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const watch = new IdentifierWatch(RECEIVE_MAXIMUM, findings)
  const received: [number, number, number] = [0, 0, 0]
  let held: Delivery | undefined
  const onMessage = (delivery: Delivery): void => {
    const { topic, qos, payload } = delivery.packet
    if (topic === 'held') {
      held = delivery
      return
    }
    const n = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
    findings.require(n === received[qos], () => `QoS ${qos}: message ${n} came in place of ${received[qos]}`)
    received[qos] = n + 1
    delivery.ack()
  }
  const stop$ = new Subject<void>()
  const port = await listen(onMessage, stop$)
  const session = new Session({ receiveMaximum: RECEIVE_MAXIMUM, maxQueued: 2 * AHEAD })
  const sender = await attached(session, port, version, watch, findings)

  const next: [number, number, number] = [0, 0, 0]
  const publish: Publish = (qos, onDone) => {
    const payload = Buffer.alloc(32, qos)
    payload.writeUInt32BE(next[qos]++)
    session.publish({ topic: `storm/${qos}`, payload, qos }).subscribe({
      next: onDone,
      error: (error: unknown) => findings.violation(`a message of QoS ${qos} was not delivered: ${String(error)}`),
    })
  }
  for (const qos of [0, 1, 2] as const) {
    const seconds = await all(qos, amounts[qos], publish, findings)
    await until(() => received[qos] === amounts[qos], 30_000)
    findings.demand(`QoS ${qos} messages`, received[qos], `${amounts[qos]}`, received[qos] === amounts[qos])
    findings.tell(`QoS ${qos} messages a second`, Math.round(amounts[qos] / seconds))
  }

  session.publish({ topic: 'held', qos: 2 }).subscribe()
  await until(() => held !== undefined, 5_000)
  const before = watch.wraps
  const around = IDENTIFIERS + 1_000
  await all(1, around, publish, findings)
  await until(() => received[1] === amounts[1] + around, 30_000)
  const all1 = amounts[1] + around
  findings.demand('QoS 1 messages past one in use', received[1], `${all1}`, received[1] === all1)
  findings.demand('times that identifiers began again', watch.wraps - before, 'at least 1', watch.wraps > before)
  findings.demand('identifiers that were skipped as used', watch.skipped, 'at least 1', watch.skipped > 0)
  held?.ack()
  await until(() => watch.inUse === 0, 5_000)
  findings.demand('identifiers in use afterwards', watch.inUse, '0', watch.inUse === 0)
  findings.demand('most messages in flight', watch.most, `${RECEIVE_MAXIMUM}`, watch.most === RECEIVE_MAXIMUM)

  sender.disconnect()
  stop$.next()
  const left = await leftOpen(opened)
  findings.demand('handles and file descriptors', left ?? 'as before', 'as before', left === undefined)
  return findings
}

/** Publishes so many, some ahead of what is done; the seconds until all are. */
async function all(qos: QoS, amount: number, publish: Publish, findings: Findings): Promise<number> {
  const began = performance.now()
  let sent = 0
  let done = 0
  while (done < amount && findings.violations.length === 0) {
    while (sent < amount && sent - done < AHEAD) {
      sent += 1
      publish(qos, () => (done += 1))
    }
    await new Promise((resolve) => setImmediate(resolve))
    findings.require(performance.now() - began < LONGEST, () => `${done} of ${amount} of QoS ${qos} were done in time`)
  }
  return (performance.now() - began) / 1_000
}

function listen(onMessage: (delivery: Delivery) => void, stop$: Subject<void>): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = { next: (at: AddressInfo | string) => resolve((at as AddressInfo).port) }
    listenTcp({ host: HOST, listening })
      .pipe(
        serve(
          (connection, accepted) => {
            const session = new Session({ ack: 'manual', receiveMaximum: RECEIVE_MAXIMUM })
            return merge(session.attach(connection, accepted), session.messages$.pipe(tap(onMessage)))
          },
          {
            authorize: ({ protocolVersion }) =>
              of(protocolVersion === 5 ? { properties: { receiveMaximum: RECEIVE_MAXIMUM } } : {}),
          },
        ),
        takeUntil(stop$),
      )
      .subscribe({ error: reject })
  })
}

/** The sender's connection, with the watch on its packets. */
function attached(
  session: Session,
  port: number,
  version: ProtocolVersion,
  watch: IdentifierWatch,
  findings: Findings,
): Promise<Connection> {
  const connect = { clientId: 'storm', clean: true, protocolVersion: version }
  return new Promise((resolve, reject) => {
    connectTcp({ host: HOST, port })
      .pipe(
        switchMap((transport) => {
          const connection = new Connection(transport, { role: 'client' })
          return handshake(connection, connect).pipe(
            tap(() => queueMicrotask(() => resolve(connection))),
            switchMap((connack) =>
              merge(
                connection.sent$.pipe(tap((packet) => watch.sent(packet))),
                connection.received$.pipe(tap((packet) => watch.received(packet))),
                session.attach(connection, { connect, connack }),
              ),
            ),
          )
        }),
      )
      .subscribe({
        error: (error: Error) => {
          findings.violation(`the connection broke: ${String(error)}`)
          reject(error)
        },
      })
  })
}
