import { connectTcp } from '@rxmqtt/transports/tcp'
import { type ServeEvent, Session } from '@rxmqtt/core'
import { EMPTY, Subject } from 'rxjs'
import { expectNoHandles, hear, host, portTold, until } from '../test/helpers.js'
import { serveSessionsInMemory } from '../test/session-servers.js'
import { askTime, tellTime } from './ask.js'
import { clientTcp } from './client-tcp.js'
import { echoServer } from './echo-server.js'
import { sessionClient } from './session-client.js'
import { stayConnected } from './stay-connected.js'

describe('the first client and the first server', () => {
  expectNoHandles()

  it('greet each other, and the client by hand greets the server too', async () => {
    const { listening, port } = portTold()
    const served = hear(echoServer({ host, listening }))
    const options = { host, port: await port }
    const { done, values } = hear(sessionClient(options))
    expect(await done).toBe('complete')
    expect(values).toEqual(['heard hello'])
    const byHand = hear(clientTcp(options))
    expect(await byHand.done).toBe('complete')
    expect(byHand.values).toContain('heard hello')
    await until(() => served.values.length === 4, 'all events')
    const told = ({ type, connect }: ServeEvent & { connect?: { clientId: string } | undefined }): string =>
      `${type} ${connect?.clientId}`
    expect(served.values.map(told)).toEqual([
      'opened first-client',
      'closed first-client',
      'opened first-client',
      'closed first-client',
    ])
    served.subscription.unsubscribe()
  })

  it('tells where nobody listens', async () => {
    expect(await hear(sessionClient({ host, port: 1 })).done).toBe('transport')
    const { done } = hear(connectTcp({ host, port: 1 }))
    expect(await done).toBe('transport')
  })
})

describe('asking', () => {
  it('is answered', async () => {
    const server = serveSessionsInMemory()
    const stop$ = new Subject<void>()
    const [asking, telling] = ['asking', 'telling'].map((clientId) => {
      const session = new Session()
      const connect = { clientId, protocolVersion: 5 as const }
      return {
        session,
        online: hear(stayConnected(session, { dial$: server.dial$, connect, work: () => EMPTY, stop$ })),
      }
    })
    const told = hear(tellTime(telling!.session, () => 'noon'))
    await until(() => server.events.length === 2, 'both')
    await new Promise((resolve) => setTimeout(resolve, 20))
    const answer = hear(askTime(asking!.session))
    expect([await answer.done, answer.values]).toEqual(['complete', ['noon']])
    told.subscription.unsubscribe()
    stop$.next()
    expect([await asking!.online.done, await telling!.online.done]).toEqual(['complete', 'complete'])
    server.stop()
  })
})
