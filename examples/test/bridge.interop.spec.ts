import { type ServeEvent, Session } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { from, mergeMap, type Observable, Subject, timer } from 'rxjs'
import { bridge, type BridgeEnd, type BridgeEvent } from '../src/bridge.js'
import { createSessionServer } from '../src/session-server.js'
import { stayConnected } from '../src/stay-connected.js'
import { expectNoHandles, hear, type Heard, host, until } from './helpers.js'
import { dials, persistent } from './join.js'
import { freePort, type Mosquitto, startMosquitto } from './processes.js'

const soon = (): Observable<unknown> => timer(20)
const decoder = new TextDecoder()
const numbers = Array.from({ length: 300 }, (_, index) => String(index))

/** A server with sessions on one port, which can go down and come back; its sessions live on. */
function servedOn(port: number): { up(): Promise<void>; down(): Promise<void> } {
  const server = createSessionServer()
  let serving: Heard<ServeEvent> | undefined
  const down = async (): Promise<void> => serving?.subscription.unsubscribe()
  const up = async (): Promise<void> => {
    const listening = new Promise<void>((resolve) => {
      serving = hear(listenTcp({ host, port, listening: { next: () => resolve() } }).pipe(server.serve()))
    })
    await listening
  }
  return { up, down }
}

let mosquitto: Mosquitto
let port: number
let served: ReturnType<typeof servedOn>
let stop: Subject<void>
let open: Heard<unknown>[] = []
const saving = ['allow_anonymous true', 'persistence true', 'max_queued_messages 0', 'max_inflight_messages 0']

describe('a bridge between mosquitto and a server made of serve', () => {
  beforeEach(async () => {
    mosquitto = await startMosquitto(['tcp'], saving)
    port = await freePort()
    served = servedOn(port)
    await served.up()
    stop = new Subject()
    open = []
  })
  afterEach(async () => {
    stop.next()
    await Promise.all(open.map(({ done }) => done))
    await served.down()
    await mosquitto.stop()
  })

  const client = async (dial$: BridgeEnd['dial$'], version: 4 | 5, id: string) => {
    const session = new Session({ receiveMaximum: 20 })
    const heard: string[] = []
    session.messages$.subscribe(({ packet }) =>
      heard.push(`${packet.qos} ${packet.topic} ${decoder.decode(packet.payload)}`),
    )
    const connect = persistent(id, version)
    const subscriptions = [{ topic: 'in/#', qos: 2 as const }]
    const work = (): Observable<unknown> => session.subscribe({ subscriptions })
    const online = hear(stayConnected(session, { dial$, connect, work, stop$: stop, delay: soon }))
    open.push(online)
    await until(() => online.values.length > 0, `the client ${id}`)
    return { session, heard }
  }

  const joined = async (version: 4 | 5): Promise<Heard<BridgeEvent>> => {
    const common = { connect: persistent('bridge', version), filter: 'out/#', prefix: 'in/' }
    const events = hear(
      bridge(
        { ...common, dial$: dials.tcp(mosquitto.ports.tcp) },
        { ...common, dial$: connectTcp({ host, port }) },
        { stop$: stop, delay: soon },
      ),
    )
    open.push(events)
    await until(() => events.values.filter(({ type }) => type === 'connected').length === 2, 'both ends')
    return events
  }

  const say = (session: Session, qos: 0 | 1 | 2, texts: readonly string[]): Heard<unknown> =>
    hear(from(texts).pipe(mergeMap((payload) => session.publish({ topic: `out/${qos}`, qos, payload }), 10)))

  it.each([4, 5] as const)('every quality of service, both ways, MQTT level %s', async (version) => {
    const events = await joined(version)
    const west = await client(dials.tcp(mosquitto.ports.tcp), version, 'west')
    const east = await client(connectTcp({ host, port }), version, 'east')
    for (const [speaker, listener] of [
      [west, east],
      [east, west],
    ] as const) {
      for (const qos of [0, 1, 2] as const) {
        expect(await say(speaker.session, qos, ['übung']).done).toBe('complete')
      }
      await until(() => listener.heard.length === 3, 'three messages')
      expect(listener.heard).toEqual([0, 1, 2].map((qos) => `${qos} in/out/${qos} übung`))
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(events.values.filter(({ type }) => type === 'crossed')).toHaveLength(6)
    expect([west.heard.length, east.heard.length]).toEqual([3, 3])
  })

  // mosquitto is ended, not killed: it saves what it has promised to keep only when it ends.
  it.each([
    ['mosquitto', 4],
    ['mosquitto', 5],
    ['the server', 4],
    ['the server', 5],
    ['each in turn', 4],
    ['each in turn', 5],
  ] as const)('loses nothing when %s is restarted in the middle, MQTT level %s', async (which, version) => {
    const events = await joined(version)
    const west = await client(dials.tcp(mosquitto.ports.tcp), version, 'west')
    const east = await client(connectTcp({ host, port }), version, 'east')
    const talking = [west, east].flatMap(({ session }) => ([1, 2] as const).map((qos) => say(session, qos, numbers)))
    const crossed = (): number => events.values.filter(({ type }) => type === 'crossed').length
    const restarts = which === 'mosquitto' ? [mosquitto] : which === 'the server' ? [served] : [served, mosquitto]
    for (const [index, side] of restarts.entries()) {
      await until(() => crossed() > 50 + 200 * index, 'some messages')
      await side.down()
      await new Promise((resolve) => setTimeout(resolve, 100))
      await side.up()
    }
    expect(await Promise.all(talking.map(({ done }) => done))).toEqual(talking.map(() => 'complete'))
    for (const { heard } of [west, east]) {
      await until(() => new Set(heard).size === 600, 'every message', 15_000)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const { heard } of [west, east]) {
      const [one, two] = [1, 2].map((qos) => heard.filter((line) => line.startsWith(`${qos} `)))
      expect([...new Set(one)]).toEqual(numbers.map((text) => `1 in/out/1 ${text}`))
      // After a restart mosquitto 2.0.11 sends PUBLISH again for which it had sent PUBREL, against [MQTT-4.3.3-6].
      expect(which === 'the server' ? two : [...new Set(two)]).toEqual(numbers.map((text) => `2 in/out/2 ${text}`))
    }
    expect(events.values.filter(({ type }) => type === 'dropped')).toEqual([])
  })
})
expectNoHandles()
