import { drawDiagrams, type Mark } from './diagram.js'

/** Marks as `frame:mark`, in order. */
const row = (text: string): Mark[] =>
  text
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => ({ frame: Number.parseInt(each, 10), mark: each.at(-1)! }))

test.each([
  ['nothing', ['', ''], ['-', '-']],
  ['one column a frame', ['0:a 3:b 4:|', '0:a 2:c 4:|'], ['a--b|', 'a-c-|']],
  ['groups', ['1:a 1:b 5:|', '1:a 5:|'], ['-(ab)|', '-a---|']],
  [
    'a group that reaches into the next mark: columns kept by spaces',
    ['1:a 4:b 9:|', '1:a 1:b 4:c 9:|'],
    ['-a-- b----|', '-(ab)c----|'],
  ],
  ['long gaps as time', ['0:a 20:b', '0:a 1021:b 61022:c'], ['a 19ms b', 'a 1020ms b 1m c']],
  ['the same gap in the same column', ['0:a 2001:b', '0:a 2001:c'], ['a 2s b', 'a 2s c']],
  ['frames before 0', ['-2:a 0:b', '0:b'], ['a-b', '--b']],
])('%s', (_, rows, expected) => {
  expect(drawDiagrams(rows.map(row))).toEqual(expected)
})
