import { Connection, Decoder, Encoder, Protocol } from '@rxmqtt/core'
import {
  describePacket,
  difference,
  FakeTransport,
  type MarbleHelpers,
  marbles,
  packets,
  vectors,
} from '@rxmqtt/core/testing'
import { NEVER, of, timer } from 'rxjs'
import { repositoryFile } from '../test/regions.js'
import { acknowledgeAfter } from './testing-kit.js'

const page = repositoryFile('docs/testing.md')

describe('acknowledgeAfter', () => {
  // #region first
  it('acknowledges a message when the work is done', () => {
    marbles(({ transport, expectSent }) => {
      const peer = transport('-p', { p: packets.publish({ topic: 'a/b', qos: 1, messageId: 7 }) })
      const flow$ = acknowledgeAfter(new Connection(peer), () => timer(5), 100)
      flow$.subscribe()
      expectSent(peer).toBe('------a', { a: packets.puback({ messageId: 7 }) })
    })
  })
  // #endregion

  // #region batch
  it('acknowledges what comes at once at once', () => {
    marbles(({ transport, expectSent }) => {
      const peer = transport('-(pq)', {
        p: packets.publish({ qos: 1, messageId: 7 }),
        q: packets.publish({ qos: 1, messageId: 8 }),
      })
      acknowledgeAfter(new Connection(peer), () => of('done'), 100).subscribe()
      expectSent(peer).toBe('-(ab)', { a: packets.puback({ messageId: 7 }), b: packets.puback({ messageId: 8 }) })
    })
  })
  // #endregion

  // #region version
  it('speaks MQTT 5 with a client that does', () => {
    marbles(({ transport, expectSent }) => {
      const peer = transport('cp', {
        c: packets.connect({ protocolVersion: 5 }),
        p: packets.publish({ qos: 1, properties: { contentType: 'text/plain' } }),
      })
      acknowledgeAfter(new Connection(peer), () => of('done'), 100).subscribe()
      expectSent(peer).toBe('-a', { a: packets.puback() })
    })
  })
  // #endregion

  // #region pause
  it('reads nothing while it works', () => {
    marbles(({ transport, expectSent, expectReads }) => {
      const peer = transport('-pq', {
        p: packets.publish({ qos: 1, messageId: 7 }),
        q: packets.publish({ qos: 1, messageId: 8 }),
      })
      acknowledgeAfter(new Connection(peer), () => timer(5), 100).subscribe()
      expectSent(peer).toBe('------a----b', {
        a: packets.puback({ messageId: 7 }),
        b: packets.puback({ messageId: 8 }),
      })
      expectReads(peer).toBe('^!', '------(^!)', '-----------^')
    })
  })
  // #endregion

  // #region error
  it('gives up after its time', () => {
    marbles(({ transport, expectObservable, expectSent }) => {
      const peer = transport('-p', { p: packets.publish({ topic: 'a/b', qos: 1 }) })
      const flow$ = acknowledgeAfter(new Connection(peer), () => NEVER, 100)
      expectObservable(flow$).toBe('- 100ms #', undefined, { code: 'timeout', reasonCode: 0x80 })
      expectSent(peer).toBe('-')
    })
  })
  // #endregion

  // #region wrong
  const wrong = ({ transport, expectSent }: MarbleHelpers): void => {
    const peer = transport('-p--q', {
      p: packets.publish({ topic: 'a/b', qos: 1, messageId: 7, payload: 'hi' }),
      q: packets.publish({ topic: 'a/b', qos: 1, messageId: 8, payload: 'ho' }),
    })
    acknowledgeAfter(new Connection(peer), () => timer(1), 100).subscribe()
    expectSent(peer).toBe('--a--b', {
      a: packets.puback({ messageId: 7 }),
      b: packets.puback({ messageId: 9 }),
    })
  }
  // #endregion

  // #region wrong-pause
  const wrongPause = ({ transport, expectReads }: MarbleHelpers): void => {
    const peer = transport('-p', { p: packets.publish({ qos: 1 }) })
    acknowledgeAfter(new Connection(peer), () => timer(5), 100).subscribe()
    expectReads(peer).toBe('^')
  }
  // #endregion

  // #region wrong-error
  const wrongError = ({ transport, expectObservable }: MarbleHelpers): void => {
    const peer = transport('-p', { p: packets.publish({ topic: 'a/b', qos: 1 }) })
    const flow$ = acknowledgeAfter(new Connection(peer), () => NEVER, 100)
    expectObservable(flow$).toBe('- 100ms #', undefined, { code: 'refused', reasonCode: 0x87 })
  }
  // #endregion

  it.each([
    ['what is sent', wrong],
    ['a pause', wrongPause],
    ['an error', wrongError],
  ])('fails with what the page shows: %s', (_what, test) => {
    let message = 'passed'
    try {
      marbles(test)
    } catch (error) {
      message = (error as Error).message
    }
    expect(page).toContain(`\`\`\`text\n${message.trimEnd()}\n\`\`\``)
  })
})

describe('the rest of the kit', () => {
  // #region without-marbles
  it('needs no marbles', async () => {
    const peer = new FakeTransport()
    const connection = new Connection(peer)
    const seen: string[] = []
    peer.sentPackets$.subscribe((packet) => seen.push(describePacket(packet)))
    connection.publish$.subscribe(({ messageId = 0 }) => connection.puback({ messageId }))

    peer.receive(packets.publish({ qos: 1, messageId: 7 }))
    await Promise.resolve()
    expect(seen).toEqual(['puback #7'])
  })
  // #endregion

  it('says how packets differ', () => {
    // #region difference
    const parsed = { cmd: 'publish', topic: 'a', payload: Uint8Array.of(0x68, 0x69), qos: 1, messageId: 8 }
    const found = difference(parsed, packets.publish({ topic: 'a', payload: 'hi', qos: 1, messageId: 7 }))
    expect(found).toBe('messageId: 8, not 7')
    // #endregion
  })

  // #region vectors
  it('has packets with their bytes, to check a codec or a proxy with', () => {
    for (const { name, version, packet, bytes, parseOnly } of vectors()) {
      const decoder = new Decoder({ protocol: new Protocol(version) })
      decoder.push(bytes)
      expect([name, difference(decoder.read(), packet)]).toEqual([name, undefined])

      const encoder = new Encoder({ protocol: new Protocol(version) })
      encoder.write(packet)
      const length = encoder.take().reduce((sum, chunk) => sum + chunk.length, 0)
      // The standard has shorter forms of some packets: those are parsed, but not what is written.
      expect([name, length === bytes.length]).toEqual([name, parseOnly !== true])
    }
  })
  // #endregion
})
