import { memoryPair } from '@rxmqtt/transports/memory'
import { switchMap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { MqttError } from '../errors.js'
import type { ProtocolVersion, PublishPacket, QoS } from '../packet/packet.js'
import { brokenRules, numberOf } from '../spec-support/delivery-rules.js'
import { type End, otherEnd, SessionLink } from '../spec-support/session-link.js'
import { StepStore, StoreData } from '../spec-support/step-store.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { Delivery } from './message.js'
import type { SessionOptions } from './options.js'
import { Session } from './session.js'

expectNoUnhandled()

const versions: readonly ProtocolVersion[] = [3, 4, 5]
const ends: readonly End[] = ['client', 'server']

/** Two ends, and what each of them says and hears, in words. */
function both(version: ProtocolVersion, options: Partial<Record<End, SessionOptions>> = {}) {
  const link = new SessionLink(version, { client: options.client ?? {}, server: options.server ?? {} })
  const told: string[] = []
  const publish = (from: End, number: number, qos: QoS) =>
    link.sessions[from].publish({ topic: 't', payload: String(number), qos }).subscribe({
      error: (error: unknown) => told.push(`${number} ${(error as MqttError).code}`),
      complete: () => told.push(`${number} sent`),
    })
  const listen = (end: End) => {
    const got: Delivery[] = []
    const subscription = link.sessions[end].messages$.subscribe((delivery) => got.push(delivery))
    return { got, subscription, numbers: () => got.map(({ packet }) => numberOf(packet)) }
  }
  const dropped = (end: End) => {
    const all: string[] = []
    link.sessions[end].dropped$.subscribe(({ message, error }) =>
      all.push(`${new TextDecoder().decode(message.payload as Uint8Array)} ${error.code}`),
    )
    return all
  }
  /** The PUBLISHes that left on a connection, such as `0 id 1 dup`. */
  const sent = (from: End, connection = link.connection) =>
    link.events
      .filter((event) => event.kind === 'sends' && event.end === from && event.connection === connection)
      .map(({ packet }) => packet)
      .filter((packet): packet is PublishPacket => packet.cmd === 'publish')
      .map((packet) => `${numberOf(packet)} id ${packet.messageId}${packet.dup ? ' dup' : ''}`)
  return { link, told, publish, listen, dropped, sent }
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)

describe.each([4, 5] as const)('a session of MQTT level %i that was cut at each step', (version) => {
  it.each(ends)('uses no packet identifier of the %s for ever', async (from) => {
    const { link, publish, listen, told } = both(version, {
      client: { receiveMaximum: 65_535, maxQueued: 65_535 },
      server: { receiveMaximum: 65_535, maxQueued: 65_535 },
    })
    const { got } = listen(otherEnd(from))
    let number = 0
    for (const qos of [1, 2] as const) {
      for (let at = 0; at < 16; at++) {
        const end = link.moments + at
        link.fateOf = () => (link.moments - 1 === end ? 'cut' : undefined)
        if (!link.isJoined) link.join({ sessionPresent: link.connection > 0 })
        publish(from, number++, qos)
        publish(from, number++, qos)
        await link.settle()
      }
    }
    link.fateOf = () => undefined
    link.cut()
    link.join({ isWatched: false })
    await link.settle()
    expect(told).toHaveLength(number)
    const first = number
    while (number < first + 65_535) publish(from, number++, 2)
    const isDone = (): boolean => told.length === number
    for (let i = 0; i < 2_000 && !isDone(); i++) await link.settle()
    const last = got.slice(-65_535)
    expect(new Set(last.map(({ packet }) => packet.messageId)).size).toBe(65_535)
    expect(last.every(({ packet }, i) => numberOf(packet) === first + i)).toBe(true)
    expect(told).toHaveLength(number)
    link.cut()
  })
})

describe.each(versions)('a session of MQTT level %i that goes on', (version) => {
  it.each(ends)(
    'sends what waited while there was no connection, but for what its publisher took back: %s',
    async (from) => {
      const { link, publish, listen, told, sent } = both(version, { [from]: { receiveMaximum: 3 } })
      const publishers = range(8).map((number) => publish(from, number, (1 + (number % 2)) as QoS))
      publishers[1]!.unsubscribe()
      link.join({ sessionPresent: false })
      await link.settle()
      // Nobody listens: three are in flight, the others wait.
      expect(sent(from)).toEqual(['0 id 1', '2 id 2', '3 id 3'])
      publishers[2]!.unsubscribe()
      publishers[4]!.unsubscribe()
      link.cut()
      publishers[5]!.unsubscribe()
      publish(from, 8, 2)
      link.join()
      await link.settle()
      expect(sent(from)).toEqual(['0 id 1 dup', '2 id 2 dup', '3 id 3 dup'])
      const { numbers } = listen(otherEnd(from))
      await link.settle()
      expect(numbers()).toEqual([0, 2, 3, 6, 7, 8])
      expect(told.sort()).toEqual(['0 sent', '3 sent', '6 sent', '7 sent', '8 sent'])
      link.cut()
    },
  )

  it.each([1, 2] as const)('gives what was not acknowledged to the next consumer, QoS %i', async (qos) => {
    const { link, publish, listen, told } = both(version, { server: { ack: 'manual' } })
    link.join({ sessionPresent: false })
    const first = listen('server')
    for (const number of range(4)) publish('client', number, qos)
    await link.settle()
    first.got[0]!.ack()
    await link.settle()
    first.subscription.unsubscribe()
    const second = listen('server')
    await link.settle()
    expect([first.numbers(), second.numbers()]).toEqual([range(4), [1, 2, 3]])
    second.got[0]!.ack()
    await link.settle()
    second.subscription.unsubscribe()
    link.cut()
    link.join()
    await link.settle()
    const third = listen('server')
    await link.settle()
    expect(third.numbers()).toEqual([2, 3])
    link.cut()
    third.subscription.unsubscribe()
    const fourth = listen('server')
    link.join()
    await link.settle()
    expect(fourth.numbers()).toEqual([2, 3])
    for (const delivery of fourth.got) delivery.ack()
    await link.settle()
    expect(told).toEqual(range(4).map((number) => `${number} sent`))
    link.cut()
  })
})

it('MQTT 5 [MQTT-3.3.4-7] keeps to the Receive Maximum of each connection, also with what is sent again', async () => {
  const { link, publish, listen, told } = both(5, { server: { ack: 'manual' } })
  const { got } = listen('server')
  for (const number of range(40)) publish('client', number, (1 + (number % 2)) as QoS)
  const windows = [10, 2, 5, 1, 20, 3]
  for (const server of windows) {
    link.join({ sessionPresent: link.connection > 0, receiveMaximum: { server } })
    await link.settle()
    for (let i = 0; i < 3; i++) {
      got.shift()?.ack()
      await link.settle()
    }
    if (server === 3) break
    link.cut()
  }
  for (let i = 0; i < 200 && told.length < 40; i++) {
    got.shift()?.ack()
    await link.settle()
  }
  expect(told).toHaveLength(40)
  windows.forEach((window, i) => {
    const events = link.events.filter(({ connection }) => connection === i + 1)
    expect(brokenRules(events, 'client', window)).toEqual([])
    // It would be no test if the window were never full.
    expect(brokenRules(events, 'client', window - 1)).not.toEqual([])
  })
  link.cut()
})

it('answers a PUBREC for what this connection has not sent again yet by PUBREL, and sends the message no more', async () => {
  const session = new Session()
  const told: string[] = []
  for (const number of range(3)) {
    session.publish({ topic: 't', payload: String(number), qos: 2 }).subscribe(() => told.push(`${number} sent`))
  }
  const seen: string[] = []
  const join = async (receiveMaximum: number, sessionPresent: boolean): Promise<Connection> => {
    const [near, far] = memoryPair()
    const server = new Connection(far, { role: 'server' })
    const client = new Connection(near, { role: 'client' })
    const connect = { clientId: 'me', clean: false, protocolVersion: 5 } as const
    const connack = { sessionPresent, properties: { receiveMaximum } }
    server.packets$.subscribe((packet) => {
      if (packet.cmd === 'connect') server.connack(connack)
      else seen.push(`${packet.cmd} ${(packet as PublishPacket).messageId}`)
    })
    client.connack$
      .pipe(switchMap(() => session.attach(client, { connect, connack })))
      .subscribe({ error: () => undefined })
    client.connect(connect)
    await turn()
    return server
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const first = await join(3, false)
  expect(seen.splice(0)).toEqual(['publish 1', 'publish 2', 'publish 3'])
  first.destroy()
  await turn()
  const second = await join(1, true)
  expect(seen.splice(0)).toEqual(['publish 1'])
  second.pubrec({ messageId: 2 })
  await turn()
  second.pubrec({ messageId: 1 })
  second.pubcomp({ messageId: 1 })
  second.pubcomp({ messageId: 2 })
  await turn()
  expect(seen.splice(0)).toEqual(['pubrel 2', 'pubrel 1', 'publish 3'])
  expect(told).toEqual(['0 sent', '1 sent'])
  second.destroy()
  await turn()
})

describe.each(versions)('a session of MQTT level %i that the peer has forgotten', (version) => {
  /** Everything that a session may hold: QoS 2 before and after PUBREC, QoS 1 in flight, and what waits. */
  const holding = async (from: End, options: Partial<Record<End, SessionOptions>> = {}) => {
    const all = both(version, { [from]: { receiveMaximum: 4, ...options[from] }, ...options })
    const { link, publish, listen } = all
    const drops = all.dropped(from)
    link.join({ sessionPresent: false })
    await link.settle()
    publish(from, 0, 2)
    const { numbers, subscription } = listen(otherEnd(from))
    link.fateOf = (moment) => (moment === `${from} sends pubrel` ? 'cut' : undefined)
    await link.settle()
    link.fateOf = () => undefined
    subscription.unsubscribe()
    link.join()
    for (const number of range(6, 1)) publish(from, number, (1 + (number % 2)) as QoS)
    link.fateOf = (moment) => (moment === `${otherEnd(from)} sends pubcomp` ? 'cut' : undefined)
    await link.settle()
    link.fateOf = () => undefined
    return { ...all, drops, numbers }
  }

  it('a client sends QoS 1 again as new, gives QoS 2 in flight up, and keeps what waits', async () => {
    const { link, listen, told, drops, sent } = await holding('client')
    // PUBREL is on its way for 0; 1 to 3 are in flight; 4 to 6 wait.
    expect(told).toEqual([])
    link.sessions.server = new Session()
    link.join({ sessionPresent: false })
    const { numbers } = listen('server')
    await link.settle()
    const lost = ['1 session-lost', '3 session-lost', '0 session-lost']
    expect(told.slice(0, 3)).toEqual(lost)
    expect(drops).toEqual(lost.slice(0, 2))
    expect(numbers()).toEqual([2, 4, 5, 6])
    expect(sent('client').filter((text) => text.includes('dup'))).toEqual([])
    expect(told.slice(3).sort()).toEqual(['2 sent', '4 sent', '5 sent', '6 sent'])
    link.cut()
  })

  it('a server gives everything up', async () => {
    const { link, listen, told, drops, publish } = await holding('server')
    expect(told).toEqual([])
    link.sessions.client = new Session()
    link.join({ sessionPresent: false })
    const { numbers } = listen('client')
    await link.settle()
    expect(told).toEqual([1, 2, 3, 0, 4, 5, 6].map((number) => `${number} session-lost`))
    expect(drops).toEqual([1, 2, 3, 4, 5, 6].map((number) => `${number} session-lost`))
    publish('server', 7, 2)
    await link.settle()
    expect(numbers()).toEqual([7])
    expect(told.slice(7)).toEqual(['7 sent'])
    link.cut()
  })

  it.each(ends)(
    'sends under an identifier that the %s had not released, and it is no message of before',
    async (from) => {
      const { link, listen, publish, told } = await holding(from)
      link.sessions[from] = new Session()
      const { numbers } = listen(otherEnd(from))
      link.join({ sessionPresent: false })
      publish(from, 7, 2)
      await link.settle()
      expect(numbers()).toEqual([7])
      expect(told).toContain('7 sent')
      link.cut()
    },
  )

  it('has forgotten it also where the connection was cut before the store said what there was', async () => {
    const data = new StoreData()
    const kept: boolean[] = []
    let turns = 0
    const step = (): void => void kept.push(data.outgoing.size === 0 || isThere('4'))
    const isThere = (text: string): boolean =>
      [...data.outgoing.values()].some(
        (e) => e.kind === 'message' && new TextDecoder().decode(e.message.payload) === text,
      )
    const store = (): StepStore =>
      new StepStore(data, 'later', { step, turns: () => turns, fails: () => false, received: () => undefined })
    const client: SessionOptions = { receiveMaximum: 4, store: store() }
    const { link, told, listen, sent, dropped } = await holding('client', { client })
    expect(isThere('4')).toBe(true)
    kept.length = 0
    turns = 4
    link.sessions.client = new Session({ ...client, store: store() })
    link.sessions.server = new Session()
    const drops = dropped('client')
    link.join({ sessionPresent: false })
    await new Promise((resolve) => setImmediate(resolve))
    link.cut()
    link.join({ sessionPresent: true })
    const { numbers } = listen('server')
    for (let i = 0; i < 20; i++) await link.settle()
    expect(numbers()).toEqual([2, 4, 5, 6])
    expect(drops).toEqual(['1 session-lost', '3 session-lost'])
    expect(sent('client').filter((text) => text.includes('dup'))).toEqual([])
    expect(told).toEqual([])
    expect(data.isEmpty()).toBe(true)
    // A process that is killed at any time would have found what waited.
    expect(kept.slice(0, 2)).toEqual([true, true])
    link.cut()
  })
})
