import { memoryPair } from '@rxmqtt/transports/memory'
import { switchMap, tap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ProtocolVersion, QoS } from '../packet/packet.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { SessionOptions } from './options.js'
import { Session } from './session.js'

expectNoUnhandled()

const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A client's session and its server's, joined in memory as often as it is asked for. */
class Pair {
  readonly client: Session
  readonly server: Session
  readonly ends: string[] = []
  connections: Connection[] = []

  constructor(options: SessionOptions = {}) {
    this.client = new Session(options)
    this.server = new Session(options)
  }

  async join(version: ProtocolVersion, sessionPresent: boolean): Promise<void> {
    const [near, far] = memoryPair()
    const client = new Connection(near, { role: 'client' })
    const server = new Connection(far, { role: 'server' })
    this.connections = [client, server]
    const connect = { clientId: 'me', clean: !sessionPresent, protocolVersion: version }
    const connack = version === 3 ? {} : { sessionPresent }
    const hear = (name: string): object => ({
      error: (error: unknown) => this.ends.push(`${name} ${(error as { code: string }).code}`),
      complete: () => this.ends.push(`${name} complete`),
    })
    server.connect$
      .pipe(
        tap(() => server.connack(connack)),
        switchMap(() => this.server.attach(server, { connect, connack })),
      )
      .subscribe(hear('server'))
    client.connack$.pipe(switchMap(() => this.client.attach(client, { connect, connack }))).subscribe(hear('client'))
    client.connect(connect)
    await turns()
  }

  async cut(): Promise<void> {
    this.connections[0]!.destroy()
    await turns()
  }
}

describe.each([3, 4, 5] as const)('two sessions with MQTT level %i', (version) => {
  it.each([0, 1, 2] as const)('bring a message of QoS %i both ways', async (qos: QoS) => {
    const pair = new Pair()
    await pair.join(version, false)
    const seen: string[] = []
    pair.server.messages$.subscribe(({ packet }) => seen.push(`server ${packet.topic} ${packet.qos}`))
    pair.client.messages$.subscribe(({ packet }) => seen.push(`client ${packet.topic} ${packet.qos}`))
    pair.client.publish({ topic: 'up', qos, payload: 'x' }).subscribe((result) => seen.push(`sent up ${result.qos}`))
    pair.server
      .publish({ topic: 'down', qos, payload: 'x' })
      .subscribe((result) => seen.push(`sent down ${result.qos}`))
    await turns()
    expect(seen.sort()).toEqual([`client down ${qos}`, `sent down ${qos}`, `sent up ${qos}`, `server up ${qos}`])
    await pair.cut()
    expect(pair.ends.sort()).toEqual(['client complete', 'server transport'])
  })

  it('send again what was cut', async () => {
    const pair = new Pair({ receiveMaximum: 3 })
    const seen: string[] = []
    const sent: string[] = []
    for (let i = 0; i < 10; i++) {
      const qos = (1 + (i % 2)) as QoS
      pair.client.publish({ topic: `t${i}`, qos }).subscribe(() => sent.push(`t${i}`))
    }
    await pair.join(version, false)
    await pair.cut()
    expect(seen).toEqual([])
    await pair.join(version, true)
    pair.server.messages$.subscribe(({ packet }) => seen.push(packet.topic))
    await turns()
    const all = Array.from({ length: 10 }, (_, i) => `t${i}`)
    expect(seen).toEqual(all)
    expect(sent.sort()).toEqual(all)
    await pair.cut()
  })
})
