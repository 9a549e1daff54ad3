import { map, mergeMap, type Observable } from 'rxjs'
import type { PacketInput } from '../packet/fields.js'
import type { PublishPacket } from '../packet/packet.js'
import { joined, scene, type SessionScene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat } from '../testing/flat.js'
import { packets } from '../testing/packets.js'
import { Session } from '../session/session.js'
import { request, respond } from './request.js'

const unhandled = expectNoUnhandled()

const { publish, puback, pubrec } = packets
const to = { responseTopic: 'answers/me' }

/** A request as it left. */
interface Sent {
  readonly messageId: number | undefined
  readonly topic: string
  readonly correlationData: Uint8Array
}

interface Requests extends SessionScene {
  readonly sent: readonly Sent[]
  readonly peer: FakeTransport
  /** Sends the answer to a request, by its place. */
  answer(index: number, fields?: object): void
}

function requests(test: (scene: Requests) => void): void {
  scene({}, (given) => {
    const sent: Sent[] = []
    const { transport } = given.join()
    transport.sentPackets$.subscribe((packet) => {
      if (packet.cmd !== 'publish') return
      const { messageId, topic, properties } = packet
      if (properties?.responseTopic === undefined) return
      expect(properties.responseTopic).toBe(to.responseTopic)
      sent.push({ messageId, topic, correlationData: properties.correlationData! })
    })
    const answer = (index: number, fields: object = {}): void => {
      const properties = { correlationData: sent[index]!.correlationData }
      transport.receive(publish({ topic: to.responseTopic, payload: `answer ${index}`, properties, ...fields }))
    }
    test({ ...given, sent, peer: transport, answer })
  })
}

const payload = map(({ payload: bytes }: PublishPacket) => new TextDecoder().decode(bytes))
const texts = ({ session }: SessionScene): Observable<string> =>
  session.messages$.pipe(map(({ packet }) => new TextDecoder().decode(packet.payload)))

describe('request', () => {
  it('emits the answer with its correlation data, whichever comes first, and messages$ gets the others', () => {
    requests((given) => {
      const { session, does, answer, peer, sent, expectObservable } = given
      for (const [topic, end] of [
        ['a', '---------(a|)'],
        ['b', '-----(a|)'],
        ['c', '-------(a|)'],
      ] as const) {
        const index = 'abc'.indexOf(topic)
        expectObservable(request(session, { topic }, to).pipe(payload)).toBe(end, { a: `answer ${index}` })
      }
      does('-o-p-b-c-a', {
        a: () => answer(0),
        b: () => answer(1),
        c: () => answer(2),
        o: () => peer.receive(publish({ topic: to.responseTopic, payload: 'no correlation' })),
        p: () =>
          peer.receive(
            publish({ topic: 'else', payload: 'x', properties: { correlationData: sent[0]!.correlationData } }),
          ),
      })
      expectObservable(texts(given)).toBe('-o-p', { o: 'no correlation', p: 'x' })
    })
  })

  it.each([1, 2] as const)('acknowledges the answer of QoS %i', (qos) => {
    scene({ ack: 'manual' }, ({ session, join, expectObservable }) => {
      const link = join()
      let correlationData: Uint8Array | undefined
      link.transport.sentPackets$.subscribe((packet) => {
        if (packet.cmd !== 'publish' || correlationData !== undefined) return
        correlationData = packet.properties?.correlationData
        link.transport.receive(publish({ topic: to.responseTopic, qos, messageId: 9, properties: { correlationData } }))
      })
      expectObservable(request(session, { topic: 'a' }, to).pipe(map(() => 'r'))).toBe('(r|)')
      const ack = qos === 1 ? puback : pubrec
      link.expectSent('(pa)', {
        p: expect.objectContaining({ topic: 'a' }) as unknown as PacketInput,
        a: ack({ messageId: 9 }),
      })
    })
  })

  it('keeps what the message has besides, and makes correlation data of its own each time', () => {
    requests(({ session, does, sent, peer, expectObservable }) => {
      const properties = { contentType: 'text/plain', correlationData: new Uint8Array(1) }
      const asked$ = request(session, { topic: 'a', payload: 'x', properties }, to)
      expectObservable(asked$, '^--!').toBe('')
      expectObservable(asked$, '^--!').toBe('')
      peer.sentPackets$.subscribe((packet) => {
        if (packet.cmd === 'publish')
          expect(packet).toMatchObject({ topic: 'a', properties: { contentType: 'text/plain' } })
      })
      does('-----e', {
        e: () => {
          const [first, second] = sent
          expect(flat(first!.correlationData)).not.toEqual(flat(second!.correlationData))
          expect(first!.correlationData.length).toBeGreaterThan(8)
        },
      })
    })
  })

  it('without an answer in time errors with a time-out, to the millisecond; the late answer is a message', () => {
    requests((given) => {
      const { session, does, answer, expectObservable } = given
      expectObservable(request(session, { topic: 'a' }, { ...to, timeout: 100 })).toBe('100ms #', null, {
        code: 'timeout',
      })
      does('101ms a', { a: () => answer(0) })
      expectObservable(texts(given)).toBe('101ms t', { t: 'answer 0' })
    })
    requests(({ session, does, answer, expectObservable }) => {
      expectObservable(request(session, { topic: 'a' }, { ...to, timeout: 100 }).pipe(payload)).toBe('99ms (a|)', {
        a: 'answer 0',
      })
      does('99ms a', { a: () => answer(0) })
    })
    requests(({ session, expectObservable }) => {
      expectObservable(request(session, { topic: 'a' }, to)).toBe('30s #', null, { code: 'timeout' })
    })
  })

  it('the time runs while it waits for a connection, and the request is taken back', () => {
    scene({}, ({ session, join, expectObservable }) => {
      expectObservable(request(session, { topic: 'a', qos: 1 }, { ...to, timeout: 5 })).toBe('-----#', null, {
        code: 'timeout',
      })
      join('', {}, { at: 10 }).expectSent('')
    })
  })

  it("unsubscribed is nobody's: the answer is a message", () => {
    requests((given) => {
      const { session, does, answer, expectObservable } = given
      expectObservable(request(session, { topic: 'a' }, to), '^---!').toBe('')
      does('-----a', { a: () => answer(0) })
      expectObservable(texts(given)).toBe('-----t', { t: 'answer 0' })
    })
  })

  it('errors where nobody is subscribed to it, and as publish does', () => {
    requests(({ session, does, peer, expectObservable }) => {
      expectObservable(request(session, { topic: 'a', qos: 1 }, to)).toBe('---#', null, {
        code: 'refused',
        reasonCode: 0x10,
      })
      expectObservable(request(session, { topic: 'b', qos: 1 }, to)).toBe('-----#', null, {
        code: 'refused',
        reasonCode: 0x87,
      })
      does('---a-b', {
        a: () => peer.receive(puback({ messageId: 1, reasonCode: 0x10 })),
        b: () => peer.receive(puback({ messageId: 2, reasonCode: 0x87 })),
      })
    })
  })

  it('refuses a response topic that is none, and a time that is none, at the call', () => {
    const session = new Session()
    for (const responseTopic of ['', 'a/#', '+']) {
      expect(() => request(session, { topic: 'a' }, { responseTopic })).toThrow(/responseTopic/)
    }
    expect(() => request(session, { topic: 'a' }, { ...to, timeout: -1 })).toThrow(/timeout/)
  })

  it('a consumer that throws harms neither the session nor another request', async () => {
    const session = new Session()
    const transport = new FakeTransport(undefined, 5)
    const { connection } = joined(session, transport, {})
    const sent: Uint8Array[] = []
    connection.sent$.subscribe((packet) => packet.cmd === 'publish' && sent.push(packet.properties!.correlationData!))
    const seen: string[] = []
    request(session, { topic: 'a' }, to).subscribe(() => {
      throw new Error('mine')
    })
    request(session, { topic: 'b' }, to).subscribe(({ topic }) => seen.push(topic))
    await Promise.resolve()
    for (const correlationData of sent)
      transport.receive(publish({ topic: to.responseTopic, properties: { correlationData } }))
    expect(seen).toEqual([to.responseTopic])
    expect(await unhandled()).toEqual([new Error('mine')])
    connection.destroy()
  })
})

describe('respond', () => {
  it('publishes on the response topic, with the correlation data of the request', () => {
    scene({}, ({ session, join }) => {
      const correlationData = new Uint8Array([1, 2, 3])
      const properties = { responseTopic: 'answers/you', correlationData }
      const link = join('-a----b', {
        a: publish({ topic: 'time', properties }),
        b: publish({ topic: 'time', properties: { responseTopic: 'answers/you' } }),
      })
      const fields = { payload: 'noon', properties: { contentType: 'text/plain' } } as const
      session.messages$.pipe(mergeMap(({ packet }) => respond(session, packet, fields))).subscribe()
      const answer = (data?: Uint8Array): PacketInput =>
        publish({
          topic: 'answers/you',
          payload: 'noon',
          properties: { contentType: 'text/plain', ...(data !== undefined && { correlationData: data }) },
        })
      link.expectSent('-a----b', { a: answer(correlationData), b: answer() })
    })
  })

  it('to what asks for no answer throws', () => {
    const session = new Session()
    const packet = publish({ topic: 'time' }) as unknown as PublishPacket
    expect(() => respond(session, packet, {})).toThrow(expect.objectContaining({ code: 'invalid-packet' }) as Error)
  })
})
