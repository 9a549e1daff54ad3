import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection, handshake, Session } from '@rxmqtt/core'
import { connectWs } from '@rxmqtt/transports/ws'
import { concat, ignoreElements, map, merge, NEVER, Subject, switchMap } from 'rxjs'
import { expectNoHandles, hear, type Heard, until } from '../../test/helpers.js'
import { type Address, dashboard } from './dashboard.js'

let folder: string
let stop: Subject<void>
let server: Heard<Address>
let url: string

function get(path: string, method = 'GET'): Promise<{ status: number; type: string; caching: string; text: string }> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        const { 'content-type': type = '', 'cache-control': caching = '' } = response.headers
        resolve({ status: response.statusCode!, type, caching, text })
      })
    })
      .on('error', reject)
      .end()
  })
}

/** What a client hears, or why it can't. */
function client(connect: Parameters<typeof handshake>[1], filter: string, origin?: string): Heard<string> {
  const session = new Session()
  const headers = origin === undefined ? {} : { origin }
  return hear(
    connectWs({ url: `${url.replace('http', 'ws')}mqtt`, headers }).pipe(
      map((transport) => new Connection(transport, { role: 'client' })),
      switchMap((connection) =>
        handshake(connection, connect, { timeout: 300 }).pipe(
          switchMap((connack) =>
            merge(
              session.attach(connection, { connect, connack }),
              session.messages$.pipe(map(({ packet: { topic, payload } }) => `${topic} ${payload.length}`)),
              concat(
                session.subscribe({ subscriptions: [{ topic: filter, qos: 0 }] }),
                session.publish({ topic: 'fleet/burst', payload: '1000' }),
                NEVER,
              ).pipe(ignoreElements()),
            ),
          ),
        ),
      ),
    ),
  )
}

expectNoHandles()

describe('the dashboard', () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dashboard-'))
    mkdirSync(join(folder, 'media'))
    writeFileSync(join(folder, 'index.html'), '<!doctype html>')
    writeFileSync(join(folder, 'main-ABCD1234.js'), 'export {}')
    writeFileSync(join(folder, 'media/icon.svg'), '<svg/>')
    writeFileSync(join(folder, 'secret.txt'), 'nobody’s business')
    stop = new Subject()
    server = hear(dashboard({ folder, port: 0, stop$: stop }))
    await until(() => server.values.length > 0, 'the address')
    url = server.values[0]!.url
  })

  afterEach(async () => {
    stop.next()
    expect(await server.done).toBe('complete')
    rmSync(folder, { recursive: true })
  })

  describe('the files', () => {
    it('are those of the folder, by their names alone', async () => {
      expect(await get('/')).toMatchObject({ status: 200, type: 'text/html; charset=utf-8', caching: 'no-cache' })
      expect(await get('/main-ABCD1234.js?x')).toMatchObject({
        status: 200,
        caching: 'public, max-age=31536000, immutable',
      })
      expect(await get('/media/icon.svg')).toMatchObject({ status: 200, type: 'image/svg+xml', text: '<svg/>' })
      expect(await get('/', 'HEAD')).toMatchObject({ status: 200, text: '' })
      expect(await get('/', 'POST')).toMatchObject({ status: 405 })
    })

    it.each(['/secret.txt', '/nothing.html', '/media', '/../package.json', '/%2e%2e/package.json', '//etc/passwd'])(
      '%s is not there',
      async (path) => {
        expect(await get(path)).toMatchObject({ status: 404 })
      },
    )
  })

  it('says so where its port is taken, and leaves nothing behind', async () => {
    const second = hear(dashboard({ folder, port: Number(new URL(url).port) }))
    expect(await second.done).toBe('transport')
  })

  describe('the broker', () => {
    it('has the last value of each sensor, and bursts on demand', async () => {
      const sensors = client({ clientId: 'a', protocolVersion: 5 }, 'sensors/#')
      await until(() => new Set(sensors.values.map((line) => line.split(' ')[0])).size === 12, 'twelve sensors')
      const counters = client({ clientId: 'b', protocolVersion: 5 }, 'burst/#')
      await until(() => counters.values.length === 1_000, 'the burst')
      sensors.subscription.unsubscribe()
      counters.subscription.unsubscribe()
    })

    it.each([
      ['refused', {}, 'refused 0x85'],
      ['silent', {}, 'timeout'],
      ['me', { username: 'operator', password: 'wrong' }, 'refused 0x86'],
      ['me', { password: 'operator' }, 'refused 0x86'],
    ])('%s %j: %s', async (clientId, credentials, how) => {
      const { done } = client({ clientId, protocolVersion: 5, ...credentials }, '#')
      expect(await done).toBe(how)
    })

    it('lets pages of its own in, and no others', async () => {
      const own = client({ clientId: 'own', protocolVersion: 5 }, 'sensors/#', url.slice(0, -1))
      await until(() => own.values.length > 0, 'a value')
      own.subscription.unsubscribe()
      const other = client({ clientId: 'other', protocolVersion: 5 }, '#', 'http://example.org')
      expect(await other.done).toBe('transport')
    })
  })
})
