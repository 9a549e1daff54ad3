import { expectNoHandles, host, until } from '../../test/helpers.js'
import { fixturePath, run, type Running } from '../../test/processes.js'
import { type InteropBroker, startInteropBroker } from './interop-broker.js'

const versions = [3, 4, 5] as const
const kinds = ['tcp', 'tls'] as const
const texts = Array.from({ length: 20 }, (_, index) => `übung ${index}`)
type Version = (typeof versions)[number]
type Kind = (typeof kinds)[number]
type Args = readonly string[]

let broker: InteropBroker
const open: Running[] = []

/** A test has names of its own: all have one broker. */
let test = 0
const name = (id: string): string => `${id}-${test}`
const topic = (rest: string): string => `${test}/${rest}`

function start(program: string, version: Version, kind: Kind, id: string, args: Args, input?: string): Running {
  const trust = kind === 'tls' ? ['--cafile', fixturePath('ca.pem')] : []
  const names = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' }
  const common = ['-h', host, '-p', String(broker.ports[kind]), '-V', names[version], '-i', name(id), ...trust]
  const running = run(program, [...common, ...args], 20_000, input)
  open.push(running)
  return running
}

async function pub(version: Version, kind: Kind, args: Args, input?: string): Promise<void> {
  expect(await start('mosquitto_pub', version, kind, 'pub', args, input).ended).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
}

/** A subscriber, which has subscribed when this resolves. */
async function sub(version: Version, kind: Kind, id: string, args: Args): Promise<Running> {
  const before = broker.count('<--', name(id), 'SUBACK')
  const running = start('mosquitto_sub', version, kind, id, ['-F', '%q %r %t %p', '-W', '15', ...args])
  await broker.subscribed(name(id), before + 1)
  return running
}

/** What a subscriber has heard when it has ended, without the number of the test. */
async function heard({ ended }: Running): Promise<string[]> {
  const { stdout, stderr } = await ended
  expect(stderr).toBe('')
  return stdout.trimEnd().replaceAll(` ${test}/`, ' ').split('\n')
}

expectNoHandles()

describe('mosquitto_pub and mosquitto_sub at the broker', () => {
  beforeAll(async () => {
    broker = await startInteropBroker()
  })
  beforeEach(() => {
    test += 1
  })
  afterEach(async () => {
    for (const { stop, ended } of open.splice(0)) {
      stop('SIGKILL')
      await ended
    }
  })
  afterAll(() => broker.stop())

  it.each(kinds.flatMap((kind) => versions.map((version) => [kind, version] as const)))(
    'over %s, MQTT level %s: every quality of service, retained messages, and what came while it was away',
    async (kind, version) => {
      const persistent = ['-c', ...(version === 5 ? ['-x', '3600'] : [])]
      const all = ['-t', topic('now/#'), '-q', '2', ...persistent]
      const first = await sub(version, kind, 'sub', [...all, '-C', '60'])
      for (const qos of ['0', '1', '2']) {
        await pub(version, kind, ['-t', topic(`now/${qos}`), '-q', qos, '-l'], `${texts.join('\n')}\n`)
      }
      const lines = ['0', '1', '2'].flatMap((qos) => texts.map((text) => `${qos} 0 now/${qos} ${text}`))
      expect(await heard(first)).toEqual(lines)
      for (const qos of ['0', '1', '2']) {
        await pub(version, kind, ['-t', topic(`now/${qos}`), '-q', qos, '-r', '-m', 'kept'])
      }
      const second = await heard(await sub(version, kind, 'sub', [...all, '-C', '5']))
      expect(second.sort()).toEqual([
        '0 1 now/0 kept',
        '1 0 now/1 kept',
        '1 1 now/1 kept',
        '2 0 now/2 kept',
        '2 1 now/2 kept',
      ])
    },
  )

  it.each(versions)(
    'MQTT level %s: the will of a client that was killed, also for who comes later',
    async (version) => {
      const watcher = await sub(version, 'tcp', 'watcher', ['-t', topic('will'), '-q', '2', '-C', '1'])
      const will = ['--will-topic', topic('will'), '--will-payload', 'gone', '--will-qos', '2', '--will-retain']
      const doomed = await sub(version, 'tcp', 'doomed', ['-t', topic('x'), ...will])
      doomed.stop('SIGKILL')
      expect(await heard(watcher)).toEqual(['2 0 will gone'])
      const late = await sub(version, 'tcp', 'late', ['-t', topic('will'), '-q', '1', '-C', '1'])
      expect(await heard(late)).toEqual(['1 1 will gone'])
    },
  )

  it.each([4, 5] as const)('MQTT level %s: members of a shared subscription take turns', async (version) => {
    const filter = ['-t', `$share/group/${topic('t')}`, '-q', '1', '-C', '5']
    const members = [await sub(version, 'tcp', 'one', filter), await sub(version, 'tls', 'two', filter)]
    await pub(version, 'tcp', ['-t', topic('t'), '-q', '1', '-l'], `${texts.slice(0, 10).join('\n')}\n`)
    const both = await Promise.all(members.map(heard))
    expect(both.map(({ length }) => length)).toEqual([5, 5])
    expect(both.flat().sort()).toEqual(texts.slice(0, 10).map((text) => `1 0 t ${text}`))
  })

  it.each([4, 5] as const)('MQTT level %s: refuses a filter, and grants the others', async (version) => {
    const filters = ['-t', topic('a'), '-t', 'test/nosubscribe', '-t', topic('b'), '-q', '1']
    const running = start('mosquitto_sub', version, 'tcp', 'refused', ['-d', '-E', ...filters])
    expect((await running.ended).stdout).toMatch(/Subscribed \(mid: \d+\): 1, 128, 1\n/)
  })

  it('MQTT 5: tells the first of two clients with one name why it ends', async () => {
    const first = await sub(5, 'tcp', 'same', ['-d', '-t', topic('t')])
    await sub(5, 'tls', 'same', ['-t', topic('t'), '-C', '1'])
    expect((await first.ended).stdout).toContain('Received DISCONNECT (142)')
  })

  it('MQTT 5: brings properties from one to the other, user properties in their order', async () => {
    const format = ['-F', '%C|%R|%D|%F|%P|%p']
    const running = await sub(5, 'tcp', 'sub', ['-t', topic('p'), '-C', '1', ...format])
    const properties: readonly Args[] = [
      ['content-type', 'text/plain'],
      ['response-topic', 'answers'],
      ['correlation-data', 'c-1'],
      ['payload-format-indicator', '1'],
      ['user-property', 'b', '2'],
      ['user-property', 'a', '1'],
      ['user-property', 'b', '3'],
    ]
    await pub(5, 'tls', ['-t', topic('p'), '-m', 'm', ...properties.flatMap((each) => ['-D', 'publish', ...each])])
    expect((await running.ended).stdout).toBe('text/plain|answers|c-1|1|b:2 a:1 b:3|m\n')
  })

  it('MQTT 5: a message that has expired does not come', async () => {
    const persistent = ['-c', '-x', '3600', '-t', topic('e'), '-q', '1', '-F', '%E %p', '-W', '3']
    await (await sub(5, 'tcp', 'sub', [...persistent, '-E'])).ended
    await pub(5, 'tcp', ['-t', topic('e'), '-q', '1', '-m', 'short', '-D', 'publish', 'message-expiry-interval', '1'])
    await pub(5, 'tcp', ['-t', topic('e'), '-q', '1', '-m', 'long', '-D', 'publish', 'message-expiry-interval', '60'])
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const { stdout } = await (await sub(5, 'tcp', 'sub', [...persistent, '-C', '1'])).ended
    expect(stdout).toMatch(/^5[5-9] long\n$/)
  })

  it('MQTT 5: asks and is answered', async () => {
    const asking = start('mosquitto_rr', 5, 'tcp', 'asking', [
      '-t',
      topic('q'),
      '-e',
      topic('a'),
      '-m',
      '6 x 7',
      '-W',
      '15',
    ])
    const answering = await sub(5, 'tcp', 'answering', ['-t', topic('never')])
    await until(() => broker.count('-->', name('asking'), 'PUBLISH') === 1, 'the question')
    await pub(5, 'tcp', ['-t', topic('a'), '-m', '42'])
    expect((await asking.ended).stdout).toBe('42\n')
    answering.stop()
  })

  it.each([4, 5] as const)('MQTT level %s: gives a name to who has none', async (version) => {
    const common = ['-h', host, '-p', String(broker.ports.tcp), '-V', version === 4 ? 'mqttv311' : 'mqttv5']
    const named = broker.count('<--', '\\w{22}', 'PUBACK')
    const running = run('mosquitto_pub', [...common, '-t', topic('t'), '-m', 'x', '-q', '1'])
    open.push(running)
    expect(await running.ended).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(broker.count('<--', '\\w{22}', 'PUBACK')).toBe(named + 1)
  })
})
