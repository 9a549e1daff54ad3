import type { ProtocolVersion } from '../packet/packet.js'
import { failure } from '../spec-support/codec.js'
import { matchesFilter } from './topic-filter.js'
import { TopicTree } from './topic-tree.js'

/** What the test of one filter and the tree both say: the filter takes the topic, doesn't, or is refused. */
function verdict(version: ProtocolVersion, filter: string, topic: string): boolean | string {
  const tree = new TopicTree<string>({ protocolVersion: version })
  const refusal = failure(() => tree.add(filter, 'x'))
  expect([filter, failure(() => matchesFilter(filter, topic, version))]).toEqual([filter, refusal])
  if (refusal !== undefined) {
    expect([refusal.code, tree.size]).toEqual(['invalid-option', 0])
    return refusal.message
  }
  const matches = tree.match(topic).length === 1
  expect([filter, topic, matchesFilter(filter, topic, version)]).toEqual([filter, topic, matches])
  return matches
}

interface Statement {
  readonly id: string
  readonly says: string
  readonly takes?: readonly (readonly [filter: string, topic: string])[]
  readonly leaves?: readonly (readonly [filter: string, topic: string])[]
  readonly refuses?: readonly string[]
  /** What the refusal names, where that is not the id. */
  readonly rule?: string
}

const hash: Omit<Statement, 'id'> = {
  says: '# is a whole level and the last, and stands for the parent and all levels below',
  takes: [
    ['sport/tennis/player1/#', 'sport/tennis/player1'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon'],
    ['sport/#', 'sport'],
    ['sport/#', 'sport/'],
    ['#', 'sport/tennis'],
    ['#', '/'],
  ],
  leaves: [
    ['sport/tennis/player1/#', 'sport/tennis/player10'],
    ['sport/#', 'sports'],
    ['sport/#', '/sport'],
  ],
  refuses: ['sport/tennis#', 'sport/tennis/#/ranking', '#/', '##'],
}

const plus: Omit<Statement, 'id'> = {
  says: '+ is a whole level, anywhere, and stands for one level',
  takes: [
    ['+', 'finance'],
    ['+/tennis/#', 'sport/tennis'],
    ['sport/tennis/+', 'sport/tennis/player1'],
    ['sport/+/player1', 'sport/tennis/player1'],
    ['sport/+', 'sport/'],
    ['+/+', '/finance'],
    ['/+', '/finance'],
  ],
  leaves: [
    ['sport/tennis/+', 'sport/tennis/player1/ranking'],
    ['sport/+', 'sport'],
    ['+', '/finance'],
  ],
  refuses: ['sport+', 'sport/+tennis', '++', 'sport/+#'],
}

const dollar: Statement = {
  id: '4.7.2-1',
  says: 'a filter that begins with a wildcard is not matched with topics that begin with $',
  takes: [
    ['$SYS/#', '$SYS/monitor/Clients'],
    ['$SYS/#', '$SYS'],
    ['$SYS/monitor/+', '$SYS/monitor/Clients'],
    ['+/$SYS', 'a/$SYS'],
    ['a/#', 'a/$SYS'],
  ],
  leaves: [
    ['#', '$SYS'],
    ['#', '$SYS/monitor/Clients'],
    ['+/monitor/Clients', '$SYS/monitor/Clients'],
    ['+', '$'],
    ['+/#', '$SYS/a'],
  ],
}

const text: readonly Statement[] = [
  {
    id: '4.7.3-1',
    says: 'filters and topic names have at least one character; / is one',
    takes: [
      ['/', '/'],
      [' ', ' '],
    ],
    leaves: [
      ['#', ''],
      ['+', ''],
      ['/', ''],
    ],
    refuses: [''],
  },
  { id: '4.7.3-2', says: 'no U+0000', rule: '[MQTT-1.5.4-2]', refuses: ['\u0000', 'a/\u0000/b', '+/a\u0000'] },
  {
    id: '4.7.3-3',
    says: 'at most 65,535 bytes of UTF-8',
    rule: '65,535 bytes',
    takes: [
      ['x'.repeat(65_535), 'x'.repeat(65_535)],
      [`+/${'é'.repeat(32_766)}`, `a/${'é'.repeat(32_766)}`],
    ],
    leaves: [['x'.repeat(65_535), 'x'.repeat(65_534)]],
    refuses: ['x'.repeat(65_536), `+/${'é'.repeat(32_767)}`],
  },
  {
    id: '4.7.3-4',
    says: 'nothing is normalised: levels are compared character for character',
    takes: [
      ['Accounts payable', 'Accounts payable'],
      ['+/\u00e9', 'a/\u00e9'],
      ['\ufeffa/+', '\ufeffa/b'],
      ['+/\u{1f600}', 'a/\u{1f600}'],
      ['+/__proto__', 'a/__proto__'],
    ],
    leaves: [
      ['ACCOUNTS', 'Accounts'],
      ['a/+', 'A/b'],
      ['+/\u00e9', 'a/e\u0301'],
      ['\ufeffa/+', 'a/b'],
      ['+/\ufffd', 'a/b'],
      ['a/+', 'a /b'],
      ['a//b', 'a/b'],
      ['/a', 'a'],
      ['a/./+', 'a/b'],
      ['+/constructor', 'a/b'],
    ],
  },
]

const shared: readonly Statement[] = [
  {
    id: '4.8.2-1',
    says: 'a shared subscription has a share name of at least one character, and takes what its filter takes',
    takes: [
      ['$share/consumer1/sport/tennis/+', 'sport/tennis/player1'],
      ['$share/consumer2/sport/tennis/#', 'sport/tennis'],
      ['$share/c//finance', '/finance'],
      ['$share/c/$SYS/#', '$SYS/monitor'],
    ],
    leaves: [
      ['$share/consumer1/sport/tennis/+', 'sport/tennis'],
      ['$share/consumer1/sport/+', '$share/consumer1/sport/a'],
      ['$share/c/#', '$SYS/monitor'],
    ],
    refuses: ['$share/', '$share//finance'],
  },
  {
    id: '4.8.2-2',
    says: 'the share name has no / + #, and a filter follows it',
    takes: [['$share/a/b/c', 'b/c']],
    leaves: [['$share/a/b/c', 'c']],
    refuses: ['$share/a', '$share/a/', '$share/+/a', '$share/#', '$share/a#/b', '$share/a+b/c'],
  },
]

const statements: readonly (readonly [ProtocolVersion, string, Statement])[] = [
  ...[{ id: '4.7.1-1', ...hash }, { id: '4.7.1-2', ...plus }, dollar, ...text, ...shared].map(
    (statement) => [5, 'MQTT 5', statement] as const,
  ),
  ...[
    {
      id: '4.7.1-1',
      says: 'wildcards are for filters',
      takes: [['a/+', 'a/b'] as const, ['a/#', 'a/b'] as const],
      leaves: [['a/b', 'a/+'] as const, ['a/b', 'a/#'] as const, ['b/a', '+/a'] as const],
    },
    { id: '4.7.1-2', ...hash },
    { id: '4.7.1-3', ...plus },
    dollar,
    ...text,
  ].map((statement) => [4, 'MQTT 3.1.1', statement] as const),
]

for (const [version, name, { id, says, takes = [], leaves = [], refuses = [], rule = id }] of statements) {
  test(`${name} [MQTT-${id}] ${says}`, () => {
    const told = (cases: readonly (readonly [string, string])[]): unknown =>
      cases.map(([filter, topic]) => [filter, topic, verdict(version, filter, topic)])
    expect(told(takes)).toEqual(takes.map((each) => [...each, true]))
    expect(told(leaves)).toEqual(leaves.map((each) => [...each, false]))
    for (const filter of refuses) expect([filter, verdict(version, filter, 'a')]).toEqual([filter, containing(rule)])
    expect(takes.length + refuses.length).toBeGreaterThan(0)
  })
}

function containing(rule: string): unknown {
  return expect.stringContaining(rule)
}

test('MQTT 3.1.1 has no shared subscriptions: $share is a level', () => {
  expect(verdict(4, '$share/a', '$share/a')).toBe(true)
  expect(verdict(4, '$share/a/b', 'b')).toBe(false)
})
