import { createServer, type AddressInfo, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  connect as tlsConnect,
  createServer as createTlsServer,
  type TlsOptions,
} from 'node:tls'
import type { TlsInfo, Transport } from '@rxmqtt/core'
import { connectTls, type ConnectTlsOptions, listenTls, type ListenTlsOptions } from '@rxmqtt/transports/tls'
import { connectWs, listenWs } from '@rxmqtt/transports/ws'
import { catchError, EMPTY, endWith, mergeMap, switchMap, take, tap } from 'rxjs'
import { type Ending, ending, expectNoHandles, fixture, flatten, pause, read, until } from './helpers.js'
import { HOST } from './links.js'

expectNoHandles()

const ca = fixture('ca.pem')
const pair = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}-key.pem`) })

function echo(transport: Transport): void {
  transport.bytes$.subscribe(transport.sink)
}

/** A listener that echoes, and what it accepted. */
async function serve(options: Partial<ListenTlsOptions> = {}) {
  const accepted: Transport[] = []
  const failures: unknown[] = []
  let subscription: { unsubscribe(): void } | undefined
  const address = await new Promise<AddressInfo>((resolve) => {
    const listening = { next: (at: AddressInfo | string) => resolve(at as AddressInfo) }
    subscription = listenTls({ host: HOST, ...pair('server'), listening, ...options }).subscribe({
      next: (transport) => {
        accepted.push(transport)
        echo(transport)
      },
      error: (error: unknown) => failures.push(error),
    })
  })
  return { accepted, failures, port: address.port, stop: () => subscription?.unsubscribe() }
}

/** Dials, sends a byte, and tells whether it came back and how it ended. */
function tryDial(
  options: ConnectTlsOptions,
): Promise<{ opened: boolean; answered: boolean; end: Ending; info?: TlsInfo }> {
  let opened = false
  let answered = false
  let info: TlsInfo | undefined
  return new Promise((resolve) => {
    const done = (end: Ending): void => resolve({ opened, answered, end, ...(info && { info }) })
    connectTls({ host: HOST, ca, connectTimeout: 2_000, drainTimeout: 100, ...options })
      .pipe(
        switchMap((transport) => {
          opened = true
          info = transport.info.tls
          transport.sink.next(new Uint8Array([1]))
          return transport.bytes$.pipe(endWith(undefined))
        }),
        take(1),
      )
      .subscribe({
        next: (chunk) => (answered = chunk !== undefined),
        error: (error: unknown) => done(flatten(error)),
        complete: () => done('complete'),
      })
  })
}

describe('a good certificate', () => {
  test('opens, and both ends know who the other is', async () => {
    const { accepted, port, stop } = await serve({ ca, requestCert: true })
    const { answered, info } = await tryDial({ port, host: 'localhost', ...pair('client') })
    expect(answered).toBe(true)
    expect(info).toMatchObject({ authorized: true, authorizationError: undefined, protocol: 'TLSv1.3' })
    expect(info?.peerCertificate).toMatchObject({ subject: { CN: 'localhost' } })
    const atServer = (accepted[0] as Transport).info
    expect(atServer).toMatchObject({ kind: 'tls', remoteAddress: HOST, tls: { authorized: true } })
    stop()
  })

  test('tells the server the name that was asked for, and an absent client certificate', async () => {
    const { accepted, port, stop } = await serve()
    const dialled = connectTls({ host: HOST, servername: 'localhost', port, ca, drainTimeout: 50 }).subscribe()
    await until(() => accepted.length === 1, 'the peer')
    const { tls } = (accepted[0] as Transport).info
    expect(tls).toMatchObject({ servername: 'localhost', authorized: false, peerCertificate: undefined })
    expect(tls?.cipher).toMatch(/^TLS_/)
    dialled.unsubscribe()
    stop()
  })

  test('a peer that need not be verified is let in, and its fault is told', async () => {
    const { accepted, port, stop } = await serve({ ca, requestCert: true, rejectUnauthorized: false })
    const { answered, info } = await tryDial({ port, ...pair('stranger'), ca })
    expect([answered, info?.authorized]).toEqual([true, true])
    expect((accepted[0] as Transport).info.tls).toMatchObject({
      authorized: false,
      authorizationError: expect.stringMatching(/UNABLE_TO/) as string,
    })
    stop()
  })
})

describe('a dial fails, and the server goes on, when', () => {
  const cases: [string, Partial<ListenTlsOptions>, Partial<ConnectTlsOptions>, string | RegExp][] = [
    ['the certificate is expired', pair('expired'), {}, 'CERT_HAS_EXPIRED'],
    ['it is for another host', pair('wrong-host'), {}, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['its authority is unknown', pair('unknown-ca'), {}, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/],
    ['it is self-signed', pair('self-signed'), {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['it is revoked', pair('revoked'), { crl: fixture('crl.pem') }, 'CERT_REVOKED'],
    ['the name asked for is not in it', {}, { servername: 'elsewhere.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['the client trusts only public authorities', {}, { ca: undefined }, /UNABLE_TO_VERIFY_LEAF|SELF_SIGNED/],
    [
      'the server wants TLS 1.3 and the client 1.2',
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
      /ALERT|PROTOCOL/,
    ],
  ]
  test.each(cases)('%s', async (_, listener, dialler, cause) => {
    const { accepted, failures, port, stop } = await serve(listener)
    const { answered, end } = await tryDial({ port, ...dialler })
    expect(answered).toBe(false)
    expect(end).toMatchObject({ code: 'transport' })
    expect((end as { cause: string }).cause).toMatch(cause)
    expect((end as { message: string }).message).toContain(`${HOST}:${port} could not be opened: `)
    // Verification is on by default: the same peer is let in by who says that it need not be.
    if (listener.cert !== undefined) {
      expect((await tryDial({ port, ...dialler, rejectUnauthorized: false })).answered).toBe(true)
    }
    expect(failures).toEqual([])
    expect(accepted.length).toBeLessThanOrEqual(2)
    stop()
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'the client certificate is missing or a stranger’s (%s)',
    async (maxVersion) => {
      const { accepted, port, stop } = await serve({ ca, requestCert: true, maxVersion })
      const missing = await tryDial({ port })
      const alert = maxVersion === 'TLSv1.3' ? 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' : /ALERT|ECONNRESET|EPROTO/
      expect(missing).toMatchObject({
        answered: false,
        end: { code: 'transport', cause: expect.stringMatching(alert) as string },
      })
      expect(missing.opened).toBe(maxVersion === 'TLSv1.3')
      const stranger = await tryDial({ port, ...pair('stranger') })
      expect(stranger.answered).toBe(false)
      expect(accepted).toHaveLength(0)
      expect((await tryDial({ port, ...pair('client') })).answered).toBe(true)
      stop()
    },
  )

  test.each(['TLSv1', 'TLSv1.1'] as const)('the peer speaks no better than %s', async (version) => {
    const old: TlsOptions = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
    const server = createTlsServer({ ...pair('server'), ...old })
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
    const end = await tryDial({ port: (server.address() as AddressInfo).port })
    expect(end).toMatchObject({ opened: false, end: { code: 'transport' } })
    server.close()
    const { accepted, port, stop } = await serve()
    const error = await new Promise((resolve) => {
      tlsConnect({ ...old, port, host: HOST, ca } as unknown as ConnectionOptions).on('error', resolve)
    })
    expect(error).toMatchObject({ code: expect.stringMatching(/PROTOCOL|ALERT/) as string })
    expect(accepted).toHaveLength(0)
    stop()
  })

  test('the peer speaks no TLS', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
    const { opened, end } = await tryDial({ port: (server.address() as AddressInfo).port })
    expect([opened, end]).toMatchObject([
      false,
      { code: 'transport', cause: expect.stringMatching(/WRONG_VERSION|EPROTO/) as string },
    ])
    server.close()
  })

  test('the peer closes in the handshake', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
    const { end } = await tryDial({ port: (server.address() as AddressInfo).port })
    expect(end).toMatchObject({ code: 'transport', cause: 'ECONNRESET' })
    server.close()
  })
})

test('plain text, garbage and ends in the handshake hurt nobody else', async () => {
  const { accepted, failures, port, stop } = await serve()
  const { connect } = await import('node:net')
  const sockets: Socket[] = []
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x10\x0c\x00\x04MQTT\x04\x02\x00\x00',
    '\x16\x03\x01\x00\x05hello',
    '',
  ]) {
    const socket = connect({ port, host: HOST }, () => (bytes === '' ? socket.end() : socket.write(bytes, 'latin1')))
    socket.on('error', () => undefined).resume()
    sockets.push(socket)
  }
  await until(() => sockets.every((socket) => socket.closed || socket.readableEnded), 'four ends', 2_000)
  const resetting = connect({ port, host: HOST }, () => resetting.resetAndDestroy())
  resetting.on('error', () => undefined)
  expect((await tryDial({ port })).answered).toBe(true)
  expect([accepted.length, failures.length]).toEqual([1, 0])
  for (const socket of sockets) socket.destroy()
  stop()
})

test('one that finishes its handshake after the listener stopped is destroyed, never emitted', async () => {
  const { accepted, port, stop } = await serve()
  const socket = tlsConnect({ port, host: HOST, ca })
  socket.on('connect', stop)
  await new Promise<void>((resolve) => {
    socket.on('error', () => undefined).on('close', () => resolve())
  })
  expect(accepted).toHaveLength(0)
})

test('wss verifies by default as well, and takes a client certificate', async () => {
  const accepted: Transport[] = []
  const address = await new Promise<{ port: number; stop: () => void }>((resolve) => {
    const tls = { ...pair('server'), ca, requestCert: true, rejectUnauthorized: true }
    const subscription = listenWs({
      host: HOST,
      tls,
      listening: {
        next: (at) =>
          queueMicrotask(() => resolve({ port: (at as AddressInfo).port, stop: () => subscription.unsubscribe() })),
      },
    }).subscribe((transport) => {
      accepted.push(transport)
    })
  })
  const url = `wss://${HOST}:${address.port}/`
  expect(await ending(connectWs({ url }))).toMatchObject({ code: 'transport' })
  expect(await ending(connectWs({ url, ca }))).toMatchObject({ code: 'transport' })
  expect(accepted).toHaveLength(0)
  const dialled = connectWs({ url, ca, ...pair('client'), drainTimeout: 50 }).subscribe()
  await until(() => accepted.length === 1, 'the peer')
  expect((accepted[0] as Transport).info).toMatchObject({ kind: 'wss', path: '/', tls: { authorized: true } })
  dialled.unsubscribe()
  await until(() => read(accepted[0] as Transport).endings.length >= 0, 'reading')
  address.stop()
})

test('the examples of connectTls and listenTls', async () => {
  const seen: unknown[] = []
  const port = await new Promise<{ port: number; stop: () => void }>((resolve) => {
    const listening = {
      next: (at: AddressInfo | string) =>
        queueMicrotask(() => resolve({ port: (at as AddressInfo).port, stop: () => server.unsubscribe() })),
    }
    const server = listenTls({ host: HOST, ...pair('server'), listening })
      .pipe(
        mergeMap((transport) =>
          transport.bytes$.pipe(
            tap(transport.sink),
            catchError(() => EMPTY),
          ),
        ),
      )
      .subscribe((chunk) => seen.push(['echoed', ...chunk]))
  })
  const client = connectTls({ host: 'localhost', port: port.port, ca, drainTimeout: 50 })
    .pipe(
      switchMap((transport) => {
        transport.sink.next(new Uint8Array([1, 2, 3]))
        return transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))
      }),
    )
    .subscribe({ next: (chunk) => seen.push([...chunk]), error: (error: unknown) => seen.push(flatten(error)) })
  await until(() => seen.length > 1, 'the bytes, back')
  expect(seen).toEqual([
    ['echoed', 1, 2, 3],
    [1, 2, 3],
  ])
  client.unsubscribe()
  // The echo answers the end; who stops the pipeline before has to end its peers himself.
  await pause(50)
  port.stop()
})
