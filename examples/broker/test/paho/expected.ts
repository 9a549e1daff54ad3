/** What a broker must let each check of checks.py see. */
export interface Expected {
  readonly check: string
  readonly version: 3 | 4 | 5
  readonly saw: unknown
}

/** The same for both versions, or what differs in MQTT 5. */
const both: Readonly<Record<string, object | readonly [four: object, five: object]>> = {
  retained: {
    before: ['0 kept/0 first retain', '1 kept/1 second retain', '2 kept/2 first retain'],
    live: ['1 kept/0 live'],
    again: ['1 kept/0 live retain', '1 kept/1 second retain', '1 kept/2 first retain'],
    cleared: ['1 kept/0 ', '1 kept/1 ', '1 kept/2 '],
    late: [],
  },
  wills: { heard: ['0 will/0 gone', '1 will/1 gone', '2 will/2 gone'], kept: ['2 will/2 gone retain'] },
  keep_alive: [
    { heard: ['1 will gone'], 'in time': true, reason: null, pinging: true, pings: true },
    { heard: ['1 will gone'], 'in time': true, reason: 0x8d, pinging: true, pings: true },
  ],
  overlapping_subscriptions: { granted: [1, 2, 0], heard: ['2 a/b x', '2 a/b/c y'] },
  subscribe_failure: { granted: [0, 1, 2], refused: [0x80, 1, 0x80], heard: [] },
  dollar_topics: { 'by wildcards': [], 'by name': ['1 $b kept retain', '1 $b y', '1 $b '] },
  sys_figures: { count: true, all: true },
  unsubscribe: [
    { answers: [], heard: ['2 b x'] },
    { answers: [0x00, 0x11, 0x00], heard: ['2 b x'] },
  ],
  zero_length_client_id: [
    { codes: [0, 2], open: [true, false], assigned: [false, false, false] },
    { codes: [0, 0], open: [true, true], assigned: [true, true, true] },
  ],
  second_connect: [{ reason: null }, { reason: 0x82 }],
  offline_queue: {
    present: [false, true],
    heard: ['1 for/1 1', '1 for/1 2', '2 for/2 1', '2 for/2 2'],
    dup: [0, 0, 0, 0],
  },
  redelivery: {
    publishes: [
      ['d0, q1, r0, m1', 'd0, q2, r0, m2'],
      ['d1, q1, r0, m1', 'd1, q2, r0, m2'],
    ],
    half: ['1 for/1 one', '2 for/2 two'],
    last: ['PUBREL'],
    empty: [true, []],
  },
  exactly_once: { once: ['2 t once'], next: ['2 t next'] },
  many_in_order: { count: 200, 'in order': true },
  take_over: [
    { reason: null, present: [true, false], heard: ['1 t x'], third: [] },
    { reason: 0x8e, present: [true, false], heard: ['1 t x'], third: [] },
  ],
  clean_session: { present: false, heard: [] },
}

const threeTopics = ['t/a', 't/b', 't/c', 't/a', 't/b', 't/c', 't/a', 't/b', 't/c']
const withAliases = (...numbers: readonly (number | '-')[]): string[] =>
  threeTopics.map((topic, index) => `${topic} ${numbers[index % numbers.length]}`)
const ofTransport = (name: string): unknown => [
  ['0', '1', '2'].map((qos) => `${qos} ${name}/${qos} now`),
  [
    ['1', 20_000],
    ['2', 20_000],
  ],
]

const five: Readonly<Record<string, unknown>> = {
  connack_says: { ReceiveMaximum: 20, TopicAliasMaximum: 10, MaximumPacketSize: 16_777_216 },
  session_expiry: {
    'ended with 0': false,
    'ended with 60': true,
    'vanished with 60': true,
    '60, then 0': false,
    'clean start with 60': true,
    'ended by a clean start': false,
    '0, then 5': 0x82,
    '3, after 1': true,
    '3, after 3.5': false,
    'again 60': true,
  },
  shared_subscriptions: {
    each: [5, 5],
    both: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    'no retained': true,
    own: ['kept', ...Array.from({ length: 14 }, (_, number) => String(number))],
    rest: ['1 t 10', '1 t 11', '1 t 12', '1 t 13'],
    'no local': 0x82,
  },
  publication_expiry: { heard: ['1 for/1 long', '2 for/2 ever', '1 kept/long x retain'], left: [true, null, true] },
  subscribe_options: {
    local: ['1 local/yes mine', '1 local/no other', '1 local/yes other'],
    flags: ['1 as/published kept retain', '1 as/published live', '1 as/usual kept', '1 as/usual live'],
    'retain handling': { 0: [2, 2], 1: [2, 0], 2: [0, 0] },
  },
  subscription_identifiers: [
    ['2 a/b x', [1, 268_435_455]],
    ['1 a/b x retain', [77]],
    ['1 a/b y', [77]],
  ],
  request_response: { topic: 'answers', heard: ['1 answers 42'], data: { CorrelationData: '4\x002' } },
  passed_on: {
    // paho hands over a message of QoS 2 when it is released, after those of QoS 1.
    heard: [['2 live x', '1 kept x', '1 will x'], ['1 kept x', '1 will x', '2 live x'], ['1 kept x retain']],
    user: true,
    others: [{ PayloadFormatIndicator: 1, ContentType: 'text/plain' }],
    'all alike': true,
  },
  maximum_packet_size: { heard: [20, 30], 'still there': true, 'too large': 0x95 },
  flow_control_of_client: { 1: [20, true, 0x93], 2: [20, true, 0x93] },
  flow_control_of_server: { first: 3, more: 1, back: ['2', '3', '4', '5', '6', '7', '8', '9'] },
  server_keep_alive: {
    0: { ServerKeepAlive: 60 },
    30: {},
    60: {},
    61: { ServerKeepAlive: 60 },
    120: { ServerKeepAlive: 60 },
  },
  will_delay: {
    times: { clean: 'at once', delay: 'later', reason: 'at once', session: 'later' },
    back: true,
    count: 4,
  },
  reasons: { method: 0x8c, 'empty topic': 0x82, heard: ['1 t x'] },
  client_topic_alias: {
    maximum: 10,
    heard: [
      ...['0', '1', '2'].flatMap((qos) => [`${qos} a named`, `${qos} a by alias`]),
      ...['1 b named', '1 c renamed', '1 c by alias', '1 b by alias'],
    ],
    'passed on': false,
    // An alias of an earlier connection, none at all, one too high.
    ends: { '1 ': 0x82, '0 a': 0x82, '11 a': 0x94 },
    after: 10,
  },
  server_topic_alias: {
    None: withAliases('-'),
    0: withAliases('-'),
    // Aliases go to the topics that came last.
    1: withAliases(1),
    2: withAliases(1, 2),
    'one topic': [
      [true, 1],
      [false, 1],
      [false, 1],
    ],
  },
}

export const expected: readonly Expected[] = [
  ...Object.entries(both).flatMap(([check, saw]): Expected[] => {
    const [inFour, inFive] = (Array.isArray(saw) ? saw : [saw, saw]) as [object, object]
    return [
      { check, version: 4, saw: inFour },
      { check, version: 5, saw: inFive },
    ]
  }),
  ...([3, 4, 5] as const).map(
    (version): Expected => ({
      check: 'over_each_transport',
      version,
      saw: Object.fromEntries(['tcp', 'tls', 'ws'].map((name) => [name, ofTransport(name)])),
    }),
  ),
  ...Object.entries(five).map(([check, saw]): Expected => ({ check, version: 5, saw })),
]
