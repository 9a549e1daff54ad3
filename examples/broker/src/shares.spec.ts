import type { QoS } from '@rxmqtt/core'
import fc from 'fast-check'
import { type Member, Share } from './shares.js'

interface Client {
  readonly name: string
  isReady: boolean
  isAlive: boolean
}

const readiness = {
  rankOf: ({ isReady, isAlive }: Client) => (isReady ? 0 : isAlive ? 1 : Number.POSITIVE_INFINITY),
}

function memberOf(name: string, qos: QoS = 1): Member<Client> {
  const client = { name, isReady: true, isAlive: true }
  return { wanted: { client, qos, retainAsPublished: false, identifiers: [], isShared: true } }
}

function shareOf(...names: readonly string[]): { share: Share<Client>; members: Record<string, Member<Client>> } {
  const share = new Share<Client>()
  const members = Object.fromEntries(names.map((name) => [name, memberOf(name)]))
  for (const member of Object.values(members)) share.add(member)
  return { share, members }
}

/** Who is chosen, one after another. */
function chosen(share: Share<Client>, times: number): string {
  return Array.from({ length: times }, () => share.choose(readiness)?.client.name ?? '-').join('')
}

describe('choose', () => {
  it('takes one after another', () => {
    const { share } = shareOf('a', 'b', 'c')
    expect(chosen(share, 7)).toBe('abcabca')
  })

  it('[MQTT-4.8.2-3] gives what the member itself was granted', () => {
    const share = new Share<Client>()
    const members = ([0, 1, 2] as const).map((qos) => memberOf(`${qos}`, qos))
    for (const member of members) share.add(member)
    expect(members.map(() => share.choose(readiness))).toEqual(members.map(({ wanted }) => wanted))
  })

  it('passes over those that are not ready', () => {
    const { share, members } = shareOf('a', 'b', 'c')
    members['b']!.wanted.client.isReady = false
    expect(chosen(share, 4)).toBe('acac')
    members['b']!.wanted.client.isReady = true
    expect(chosen(share, 3)).toBe('abc')
  })

  it('where nobody is ready, takes the living one after another; where nobody lives, nobody', () => {
    const { share, members } = shareOf('a', 'b', 'c')
    for (const { wanted } of Object.values(members)) wanted.client.isReady = false
    members['a']!.wanted.client.isAlive = false
    expect(chosen(share, 4)).toBe('bcbc')
    members['b']!.wanted.client.isAlive = false
    members['c']!.wanted.client.isAlive = false
    expect(chosen(share, 2)).toBe('--')
    expect(chosen(new Share(), 1)).toBe('-')
  })

  it('a ready one comes before those that only live, whoever’s turn it is', () => {
    const { share, members } = shareOf('a', 'b', 'c')
    members['a']!.wanted.client.isReady = false
    members['b']!.wanted.client.isReady = false
    expect(chosen(share, 3)).toBe('ccc')
  })

  it('spreads messages evenly, to those who are ready, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), fc.nat(3), (ready, rounds) => {
        const { share, members } = shareOf(...ready.map((_, i) => `${i}`))
        ready.forEach((isReady, i) => (members[i]!.wanted.client.isReady = isReady))
        const some = ready.some((isReady) => isReady)
        const turn = ready.flatMap((isReady, i) => (isReady || !some ? [`${i}`] : []))
        expect(chosen(share, turn.length * rounds)).toBe(turn.join('').repeat(rounds))
      }),
    )
  })
})

describe('remove', () => {
  it.each([
    ['before the turn', 'a', 'cdbcd'],
    ['at the turn', 'c', 'dabda'],
    ['behind the turn', 'd', 'cabca'],
  ])('%s: who left is out at once, and the turn of the others is as before', (_, name, expected) => {
    const { share, members } = shareOf('a', 'b', 'c', 'd')
    expect(chosen(share, 2)).toBe('ab')
    share.remove(members[name]!)
    expect(chosen(share, 5)).toBe(expected)
  })

  it('the last one leaves an empty share; who is no member changes nothing', () => {
    const { share, members } = shareOf('a', 'b')
    expect(chosen(share, 2)).toBe('ab')
    share.remove(members['b']!)
    share.remove(members['b']!)
    expect([share.isEmpty, chosen(share, 2)]).toEqual([false, 'aa'])
    share.remove(members['a']!)
    expect([share.isEmpty, chosen(share, 1)]).toEqual([true, '-'])
    share.add(members['b']!)
    expect(chosen(share, 2)).toBe('bb')
  })
})
