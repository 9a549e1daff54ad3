import type { ProtocolVersion } from '../packet/packet.js'
import { scene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'

expectNoUnhandled()

const { publish, puback, pubrec, pubrel, pubcomp } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]

describe.each(versions)('publish with MQTT level %i', (version) => {
  it('QoS 0 emits once it is written', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('', {}, { version })
      expectObservable(session.publish({ topic: 'a', payload: 'x' })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
      link.expectSent('p', { p: publish({ topic: 'a', payload: 'x' }) })
    })
  })

  it('QoS 1 emits at PUBACK', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('---a', { a: puback() }, { version })
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('---(r|)', { r: { qos: 1, reasonCode: 0 } })
      link.expectSent('p', { p: publish({ topic: 'a', qos: 1 }) })
    })
  })

  it('QoS 2 emits at PUBCOMP', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('--r--c', { r: pubrec(), c: pubcomp() }, { version })
      expectObservable(session.publish({ topic: 'a', qos: 2 })).toBe('-----(r|)', { r: { qos: 2, reasonCode: 0 } })
      link.expectSent('p-l', { p: publish({ topic: 'a', qos: 2 }), l: pubrel() })
    })
  })
})
