import type { Role } from '../connection/options.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { type JoinOptions, scene, type SessionScene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'
import { Session } from './session.js'

expectNoUnhandled()

const { publish, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]
const roles: readonly Role[] = ['client', 'server']
const quiet = { error: (): void => undefined }

type Act = (scene: SessionScene) => void

interface Wrong {
  readonly name: string
  /** What the peer sends, the last of it is wrong. */
  readonly sends: readonly PacketInput[]
  /** What the session does before it. */
  readonly does?: Act
  readonly reasonCode?: number
  readonly given?: JoinOptions
  readonly versions?: readonly ProtocolVersion[]
  readonly roles?: readonly Role[]
  /** What is answered, before the end. */
  readonly answers?: readonly PacketInput[]
}

const sends =
  (qos: 1 | 2): Act =>
  ({ session }) => {
    session.publish({ topic: 'p', qos }).subscribe(quiet)
  }
const asks: Act = ({ session }) => {
  session.subscribe({ subscriptions: [{ topic: 't', qos: 0 }] }).subscribe(quiet)
}
const five: readonly ProtocolVersion[] = [5]
const limits = { receiveMaximum: 2, topicAliasMaximum: 3 }
const limited: JoinOptions = { connect: { properties: limits }, connack: { properties: limits } }
const onClient = { roles: ['client'] } as const

const wrongs: readonly Wrong[] = [
  { name: 'PUBACK that nobody asked for', sends: [puback()] },
  { name: 'PUBACK for QoS 2', sends: [puback()], does: sends(2) },
  { name: 'PUBACK a second time', sends: [puback(), puback()], does: sends(1) },
  { name: 'PUBREC for QoS 1', sends: [pubrec()], does: sends(1) },
  { name: 'PUBCOMP that nobody asked for', sends: [pubcomp()] },
  { name: 'PUBCOMP before PUBREC', sends: [pubcomp()], does: sends(2) },
  { name: 'PUBREL before PUBREC', sends: [publish({ qos: 2 }), pubrel()] },
  { name: 'PUBREL on a new session', sends: [pubrel()], versions: five, answers: [pubcomp({ reasonCode: 0x92 })] },
  { name: 'SUBACK that nobody asked for', sends: [suback()], ...onClient },
  { name: 'SUBACK for a PUBLISH', sends: [suback()], does: sends(1), ...onClient },
  { name: 'UNSUBACK for a SUBSCRIBE', sends: [unsuback()], does: asks, ...onClient },
  { name: 'SUBACK with a code too much', sends: [suback({ granted: [0, 0] })], does: asks, ...onClient },
  {
    name: 'PUBLISH with an identifier that is in use',
    sends: [publish({ qos: 1 }), publish({ qos: 1 })],
  },
  {
    name: 'PUBLISH with QoS 1 and the identifier of a QoS 2 message that is in use',
    sends: [publish({ qos: 2 }), publish({ qos: 1 })],
  },
  {
    name: 'PUBLISH that is sent again on the same connection',
    sends: [publish({ qos: 1 }), publish({ qos: 1, dup: true })],
    versions: five,
  },
  {
    name: 'more in flight than the Receive Maximum',
    sends: [1, 2, 3].map((messageId) => publish({ qos: (1 + (messageId % 2)) as 1 | 2, messageId })),
    reasonCode: 0x93,
    versions: five,
    given: limited,
  },
  {
    name: 'a topic alias over the maximum',
    sends: [publish({ properties: { topicAlias: 4 } })],
    reasonCode: 0x94,
    versions: five,
    given: limited,
  },
  {
    name: 'a topic alias where none is taken',
    sends: [publish({ properties: { topicAlias: 1 } })],
    reasonCode: 0x94,
    versions: five,
  },
  {
    name: 'a topic alias that was given no topic',
    sends: [publish({ topic: '', properties: { topicAlias: 3 } })],
    versions: five,
    given: limited,
  },
  {
    name: 'a QoS that CONNACK ruled out',
    sends: [publish({ qos: 1 })],
    reasonCode: 0x9b,
    versions: five,
    roles: ['server'],
    given: { connack: { properties: { maximumQoS: 0 } } },
  },
  {
    name: 'a retained message that CONNACK ruled out',
    sends: [publish({ retain: true })],
    reasonCode: 0x9a,
    versions: five,
    roles: ['server'],
    given: { connack: { properties: { retainAvailable: false } } },
  },
]

const cases = wrongs.flatMap((wrong) =>
  (wrong.versions ?? versions).flatMap((version) =>
    (wrong.roles ?? roles).map((role) => [wrong.name, role, version, wrong] as const),
  ),
)

describe('a peer that breaks a rule', () => {
  it.each(cases)(
    '%s, to a %s, level %i: is told, the connection is closed, and no other',
    (_name, role, version, wrong) => {
      const { reasonCode = 0x82, answers = [] } = wrong
      scene({ ack: 'manual' }, (given) => {
        const { session, join, does, expectObservable } = given
        const values = Object.fromEntries(wrong.sends.map((packet, i) => [String(i), packet]))
        const inbound = wrong.sends.map((_, i) => `${i}`).join('-')
        const link = join(`--${inbound}`, values, { ...wrong.given, role, version })
        const other = new Session()
        const bystander = join('20ms p', { p: publish({ qos: 1 }) }, { version, role, session: other })
        other.messages$.subscribe()
        session.messages$.subscribe()
        does('-d', { d: () => wrong.does?.(given) })
        const end = 2 * wrong.sends.length
        expectObservable(link.end$).toBe(`${end}ms #`, null, { code: 'protocol-error', reasonCode })
        const last: Record<string, PacketInput> = Object.fromEntries(answers.map((packet, i) => [String(i), packet]))
        const letters = [...Object.keys(last), ...(version === 5 ? ['d'] : []), '|']
        const own = wrong.does === undefined ? '' : 'o'
        const first = own === '' ? `${end}ms ` : `-o ${end - 2}ms `
        link.expectSent(`${first}${letters.length > 1 ? `(${letters.join('')})` : '|'}`, {
          ...last,
          d: disconnect({ reasonCode: reasonCode as 0x82 }),
          o: expect.anything() as unknown as PacketInput,
        })
        bystander.expectSent('20ms a', { a: puback() })
        expectObservable(bystander.end$).toBe('')
      })
    },
  )
})

describe('a peer that remembers more than we do', () => {
  it.each(versions)('PUBREC for what we never sent is answered by PUBREL, level %i: it goes on', (version) => {
    for (const role of roles) {
      scene({}, ({ join, expectObservable }) => {
        const link = join('-r-c', { r: pubrec({ messageId: 7 }), c: publish() }, { role, version })
        link.expectSent('-l', { l: pubrel({ messageId: 7, reasonCode: version === 5 ? 0x92 : undefined }) })
        expectObservable(link.end$).toBe('')
      })
    }
  })

  it.each(versions)('PUBREC a second time is answered by PUBREL again, level %i', (version) => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('-r-r-c-c', { r: pubrec(), c: pubcomp() }, { version })
      session.publish({ topic: 'a', qos: 2 }).subscribe()
      link.expectSent('pl-l', { p: publish({ topic: 'a', qos: 2 }), l: pubrel() })
      expectObservable(link.end$).toBe('')
    })
    // A third PUBCOMP answers nothing.
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('-r-r-c-c-c', { r: pubrec(), c: pubcomp() }, { version })
      session.publish({ topic: 'a', qos: 2 }).subscribe()
      expectObservable(link.end$).toBe('---------#', null, { code: 'protocol-error', reasonCode: 0x82 })
    })
  })

  it.each(versions)(
    'PUBREL that was answered on an earlier connection is answered again, level %i: it goes on',
    (version) => {
      for (const role of roles) {
        scene({}, ({ join, expectObservable }) => {
          const link = join('-l', { l: pubrel({ messageId: 7 }) }, { role, version, resumed: true })
          link.expectSent('-c', { c: pubcomp({ messageId: 7, reasonCode: version === 5 ? 0x92 : undefined }) })
          expectObservable(link.end$).toBe('')
        })
      }
    },
  )

  it.each([3, 4] as const)('PUBREL on a new session is answered, level %i: it goes on', (version) => {
    scene({}, ({ join, expectObservable }) => {
      const link = join('-l', { l: pubrel({ messageId: 7 }) }, { version })
      link.expectSent('-c', { c: pubcomp({ messageId: 7 }) })
      expectObservable(link.end$).toBe('')
    })
  })

  it.each([3, 4] as const)('PUBLISH that is sent again on the same connection is one message, level %i', (version) => {
    scene({ ack: 'manual' }, ({ session, join, expectObservable }) => {
      const values = { a: publish({ qos: 1 }), A: publish({ qos: 1, dup: true }) }
      const link = join('-a-A', values, { version })
      session.messages$.subscribe()
      link.expectSent('')
      expectObservable(link.end$).toBe('')
    })
  })

  it('PUBCOMP that says that the identifier is unknown is an end too', () => {
    scene({}, ({ session, join, expectObservable }) => {
      join('-r-c', { r: pubrec(), c: pubcomp({ reasonCode: 0x92 }) })
      expectObservable(session.publish({ topic: 'a', qos: 2 })).toBe('---(r|)', { r: { qos: 2, reasonCode: 0 } })
    })
  })
})
