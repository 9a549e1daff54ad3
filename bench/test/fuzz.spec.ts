import { oneCase } from '../src/fuzz/one-case.js'

const seed = 1_000
const cases = 400

/** `npm run fuzz` does this a million times. */
test(`the first ${cases} cases from seed ${seed} find nothing wrong, and are not all alike`, () => {
  const codes = new Map<string, number>()
  let packets = 0
  for (let i = 0; i < cases; i++) {
    const outcome = oneCase(seed + i)
    expect([seed + i, outcome.problems]).toEqual([seed + i, []])
    const code = outcome.code ?? 'none'
    codes.set(code, (codes.get(code) ?? 0) + 1)
    packets += outcome.packets
  }
  expect(packets).toBeGreaterThan(cases / 4)
  for (const code of ['none', 'malformed-packet', 'protocol-error', 'packet-too-large']) {
    expect([code, (codes.get(code) ?? 0) > 3]).toEqual([code, true])
  }
})

test('the same seed gives the same case', () => {
  expect(oneCase(7)).toEqual(oneCase(7))
  expect(oneCase(7).bytes).not.toEqual(oneCase(8).bytes)
})
