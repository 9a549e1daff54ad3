import { concatMap, ignoreElements, map, merge, type Observable, of, Subject, switchMap, tap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { ConnectFields, PacketInput } from '../packet/fields.js'
import { Session } from '../session/session.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { type MarbleHelpers, marbles } from '../testing/marbles.js'
import type { Transport } from '../transport.js'
import type { Authenticate } from './authentication.js'
import { handshake } from './handshake.js'
import { reauthenticate } from './reauthenticate.js'
import { serve } from './serve.js'
import type { ServeEvent } from './serve-event.js'
import type { ServeOptions } from './serve-options.js'
import type { ServeHandler } from './serve-peer.js'

expectNoUnhandled()

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

/** A client of ours and a server of ours, joined; what each of them sent. */
function joined(
  { now }: MarbleHelpers,
  handler: ServeHandler,
  options: ServeOptions,
): { client: Connection; sent: PacketInput[]; events: ServeEvent[]; dial(): Connection } {
  const transports = new Subject<Transport>()
  const sent: PacketInput[] = []
  const events: ServeEvent[] = []
  transports.pipe(serve(handler, options)).subscribe((event) => events.push(event))
  const dial = (): Connection => {
    const [near, far] = [new FakeTransport(now), new FakeTransport(now)]
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.sent$.subscribe({
        next: (chunk) => to.receive(chunk),
        error: () => to.close(new MqttError('transport', 'reset')),
        complete: () => to.receiveEnd(),
      })
      from.sentPackets$.subscribe({ next: (packet) => sent.push(packet), error: () => undefined })
    }
    const connection = new Connection(near, { role: 'client' })
    transports.next(far)
    return connection
  }
  return { client: dial(), sent, events, dial }
}

describe('group F', () => {
  const open: ServeOptions = { authorize: () => of({}) }

  test.each([
    ['MQTT 5 [MQTT-3.1.4-3]', 5, '---#'],
    ['MQTT 3.1.1 [MQTT-3.1.4-2]', 4, '---|'],
  ] as const)(
    '%s: a client whose id comes again is told so where it can be, and its connection ends',
    (_, version, end) => {
      marbles((helpers) => {
        const sessions = new Map<string, Session>()
        const handler: ServeHandler = (connection, accepted) => {
          const { clientId } = accepted.connect
          const session = sessions.get(clientId) ?? new Session()
          sessions.set(clientId, session)
          return session.attach(connection, accepted)
        }
        const { client, dial, sent, events } = joined(helpers, handler, open)
        const fields: ConnectFields = { clientId: 'me', protocolVersion: version }
        const life = (connection: Connection): Observable<never> =>
          handshake(connection, fields).pipe(
            concatMap((connack) => new Session().attach(connection, { connect: fields, connack })),
            ignoreElements(),
          )
        const second = dial()
        helpers.expectObservable(life(client)).toBe(end, null, {
          code: 'disconnected',
          reasonCode: 0x8e,
          returnCode: undefined,
        })
        helpers.expectObservable(life(second), '---^').toBe('-')
        helpers.flush()
        const goodbyes = sent.filter(({ cmd }) => cmd === 'disconnect')
        expect(goodbyes).toEqual(version === 5 ? [expect.objectContaining({ reasonCode: 0x8e })] : [])
        // The handler of the first one is over, and the second one lives.
        expect(events.map(({ type }) => type)).toEqual(['opened', 'opened', 'closed'])
        expect(events.at(-1)?.connection).toBe(events[0]?.connection)
        expect(events.at(-1)).toMatchObject({ error: { code: 'disconnected', reasonCode: 0x8e } })
      })
    },
  )

  test('MQTT 5 [MQTT-3.2.2-16] [MQTT-3.1.3-7]: a client without an id learns the one that it has', () => {
    marbles((helpers) => {
      const ids: string[] = []
      const handler: ServeHandler = (_, { connect }) => {
        ids.push(connect.clientId)
        return of()
      }
      const { client, dial } = joined(helpers, handler, open)
      for (const connection of [client, dial()]) {
        handshake(connection, { clientId: '', protocolVersion: 5 }).subscribe(({ properties }) => {
          ids.push(properties?.assignedClientIdentifier ?? 'none')
        })
      }
      helpers.flush()
      expect(ids).toHaveLength(4)
      expect(new Set(ids).size).toBe(2)
    })
  })
})

describe('group G', () => {
  /** Asks back what it was told, and wants the answer in capitals; says no to `bad`. */
  const server: Authenticate = ({ reasonCode, properties }) => {
    const said = text(properties?.authenticationData)
    if (said === 'bad') throw new MqttError('refused', 'no', { reasonCode: 0x87 })
    if (reasonCode !== 0x18) return of({ reasonCode: 0x18, properties: { authenticationData: utf8(said) } })
    return of({ properties: { authenticationData: utf8(`${said}!`) } })
  }
  const client: Authenticate = ({ properties }) =>
    of({ properties: { authenticationData: utf8(text(properties?.authenticationData).toUpperCase()) } })
  const fields = (data: string): ConnectFields => ({
    clientId: 'me',
    protocolVersion: 5,
    properties: { authenticationMethod: 'M', authenticationData: utf8(data) },
  })
  const options: ServeOptions = { authorize: () => of({}), authenticate: server }
  const handler: ServeHandler = ({ publish$ }) => publish$

  test('MQTT 5 [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-4.12.1-1]: our client and our server authenticate, and once more', () => {
    marbles((helpers) => {
      const { client: connection, sent } = joined(helpers, handler, options)
      const again = { authenticationData: utf8('again') }
      const said$ = handshake(connection, fields('one'), { authenticate: client }).pipe(
        switchMap((connack) =>
          merge(of(connack), reauthenticate(connection, fields('one'), client, again), connection.publish$),
        ),
        map(({ properties }) => text((properties as { authenticationData?: Uint8Array }).authenticationData)),
      )
      helpers.expectObservable(said$).toBe('(12)', { 1: 'ONE!', 2: 'AGAIN!' })
      helpers.flush()
      const steps = sent.map((packet) => {
        const { cmd, properties = {}, reasonCode } = packet as { cmd: string; properties?: object; reasonCode?: number }
        const { authenticationMethod, authenticationData } = properties as Record<string, never>
        return [cmd, reasonCode, authenticationMethod, text(authenticationData)]
      })
      expect(steps).toEqual([
        ['connect', undefined, 'M', 'one'],
        ['auth', 0x18, 'M', 'one'],
        ['auth', 0x18, 'M', 'ONE'],
        ['connack', 0x00, 'M', 'ONE!'],
        ['auth', 0x19, 'M', 'again'],
        ['auth', 0x18, 'M', 'again'],
        ['auth', 0x18, 'M', 'AGAIN'],
        ['auth', 0x00, 'M', 'AGAIN!'],
      ])
    })
  })

  test('MQTT 5 [MQTT-4.12.0-4]: a client that is refused learns why, and is never opened', () => {
    marbles((helpers) => {
      const { client: connection, events } = joined(helpers, handler, options)
      const refused = { code: 'refused', reasonCode: 0x87, returnCode: undefined }
      helpers.expectObservable(handshake(connection, fields('bad'), { authenticate: client })).toBe('#', null, refused)
      helpers.flush()
      expect(events.map(({ type }) => type)).toEqual(['refused'])
    })
  })

  test('MQTT 5 [MQTT-4.12.1-2]: one that fails to authenticate again is disconnected, with the reason', () => {
    marbles((helpers) => {
      const { client: connection, events } = joined(helpers, handler, options)
      const bad = { authenticationData: utf8('bad') }
      const again$ = handshake(connection, fields('one'), { authenticate: client }).pipe(
        switchMap(() => reauthenticate(connection, fields('one'), client, bad)),
      )
      const disconnected = { code: 'disconnected', reasonCode: 0x87, returnCode: undefined }
      helpers.expectObservable(again$).toBe('#', null, disconnected)
      helpers.flush()
      expect(events.map(({ type }) => type)).toEqual(['opened', 'closed'])
      expect(events.at(-1)).toMatchObject({ error: { code: 'refused', reasonCode: 0x87 } })
    })
  })

  test('MQTT 5 [MQTT-4.12.0-1]: a method that the server does not know is refused with 0x8C', () => {
    marbles((helpers) => {
      const { client: connection } = joined(helpers, handler, { authorize: () => of({}) })
      const refused = { code: 'refused', reasonCode: 0x8c, returnCode: undefined }
      helpers.expectObservable(handshake(connection, fields('one'))).toBe('#', null, refused)
    })
  })

  test('MQTT 5 [MQTT-4.12.0-6] [MQTT-4.12.0-7]: without a method neither end says AUTH', () => {
    marbles((helpers) => {
      const { client: connection, sent } = joined(helpers, handler, options)
      const seen: unknown[] = []
      const plain: ConnectFields = { clientId: 'me', protocolVersion: 5 }
      handshake(connection, plain, { authenticate: client })
        .pipe(
          tap(() => seen.push('in')),
          switchMap(() => reauthenticate(connection, plain, client)),
        )
        .subscribe({ error: (reason: unknown) => seen.push((reason as MqttError).code) })
      helpers.flush()
      expect(seen).toEqual(['in', 'invalid-packet'])
      expect(sent.map(({ cmd }) => cmd)).toEqual(['connect', 'connack'])
      expect(sent.at(-1)).not.toHaveProperty('properties')
    })
  })
})
