import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MqttError } from '@rxmqtt/core'
import { brokerArguments, usage } from './arguments.js'

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../packages/transports/test/fixtures/${name}`, import.meta.url))
const cert = fixture('server.pem')
const key = fixture('server-key.pem')

const refusal = (...argv: string[]): string => {
  try {
    brokerArguments(argv)
  } catch (error) {
    if (error instanceof MqttError && error.code === 'invalid-option') return error.message
    throw error
  }
  throw new Error(`it takes ${argv.join(' ')}`)
}

describe('the command line', () => {
  const defaults = {
    help: false,
    host: '127.0.0.1',
    port: 1883,
    wsPort: undefined,
    tls: undefined,
    maximumKeepAlive: undefined,
    receiveMaximum: undefined,
    topicAliasMaximum: undefined,
    maximumSessions: undefined,
    maxQueued: undefined,
    denySubscribe: [],
    store: undefined,
    log: 'events',
  }

  test('needs nothing', () => {
    expect(brokerArguments([])).toStrictEqual(defaults)
  })

  test('takes every option', () => {
    const argv =
      '--host ::1 --port 1 --ws-port 65535 --tls-port 8883 --max-keepalive 60 --receive-maximum 20 --topic-alias-maximum 0 ' +
      '--max-sessions 7 --max-queued=8 --store ./-dir --log packets --deny-subscribe a/# --deny-subscribe=--host --help'
    expect(brokerArguments([...argv.split(' '), '--cert', cert, '--key', key])).toStrictEqual({
      help: true,
      host: '::1',
      port: 1,
      wsPort: 65_535,
      tls: { port: 8_883, cert: readFileSync(cert), key: readFileSync(key) },
      maximumKeepAlive: 60,
      receiveMaximum: 20,
      topicAliasMaximum: 0,
      maximumSessions: 7,
      maxQueued: 8,
      denySubscribe: ['a/#', '--host'],
      store: './-dir',
      log: 'packets',
    })
  })

  test('takes port 0, the last of two, and -h', () => {
    expect(brokerArguments(['--port', '7', '--port', '0', '-h'])).toStrictEqual({ ...defaults, port: 0, help: true })
  })

  test.each<[string, string]>([
    ['--prot 1', 'there is no option "--prot"; --help tells all'],
    ['-p 1', 'there is no option "-p"; --help tells all'],
    ['--no-help', 'there is no option "--no-help"; --help tells all'],
    ['--__proto__ 1', 'there is no option "--__proto__"; --help tells all'],
    ['1883', '"1883" belongs to no option; --help tells all'],
    ['-- --port', '"--port" belongs to no option; --help tells all'],
    ['--port', '--port needs a value'],
    ['--port --host x', '--port needs a value'],
    ['--store --log=quiet', '--store needs a value'],
    ['--help=1', '--help takes no value'],
    ['--port mqtt', '--port must be a whole number from 0 to 65535, not "mqtt"'],
    ['--port 65536', '--port must be a whole number from 0 to 65535, not "65536"'],
    ['--port=-1', '--port must be a whole number from 0 to 65535, not "-1"'],
    ['--port -1', '--port must be a whole number from 0 to 65535, not "-1"'],
    ['--port 0x10', '--port must be a whole number from 0 to 65535, not "0x10"'],
    ['--port=', '--port must be a whole number from 0 to 65535, not ""'],
    ['--ws-port 1.5', '--ws-port must be a whole number from 0 to 65535, not "1.5"'],
    ['--tls-port x', '--tls-port must be a whole number from 0 to 65535, not "x"'],
    ['--max-keepalive 0', '--max-keepalive must be a whole number from 1 to 65535, not "0"'],
    ['--receive-maximum 65536', '--receive-maximum must be a whole number from 1 to 65535, not "65536"'],
    ['--topic-alias-maximum -1', '--topic-alias-maximum must be a whole number from 0 to 65535, not "-1"'],
    ['--max-sessions 0', '--max-sessions must be a whole number from 1 to 1000000000, not "0"'],
    ['--max-queued 0', '--max-queued must be a whole number from 1 to 1000000000, not "0"'],
    ['--log loud', '--log must be packets, events or quiet, not "loud"'],
    ['--store=', '--store must not be empty'],
    ['--host=', '--host must not be empty'],
    ['--tls-port 1', '--tls-port needs --cert and --key, two files in PEM'],
    [`--tls-port 1 --cert ${cert}`, '--tls-port needs --cert and --key, two files in PEM'],
    ['--cert x', '--cert needs --tls-port, the port to listen on'],
    ['--key x', '--key needs --tls-port, the port to listen on'],
    [`--tls-port 1 --cert no.pem --key ${key}`, '--cert "no.pem" can\'t be read: ENOENT'],
    [`--tls-port 1 --cert ${cert} --key .`, '--key "." can\'t be read: EISDIR'],
    ['--deny-subscribe a/#/b', '--deny-subscribe "a/#/b": topic filter must have \'#\' as its whole last level'],
    ['--deny-subscribe=', '--deny-subscribe "": topic filter must be at least one character long'],
  ])('refuses %s', (argv, message) => {
    const told = refusal(...argv.split(' '))
    expect(told).toContain(message)
    expect(told).not.toContain('\n')
  })

  test('refuses a certificate and a key that are none, or do not belong together', () => {
    expect(refusal('--tls-port', '1', '--cert', key, '--key', key)).toMatch(
      /^--cert "\/.*" and --key ".*" can't be used: .+$/,
    )
    expect(refusal('--tls-port', '1', '--cert', cert, '--key', fixture('client-key.pem'))).toMatch(
      /can't be used: .*mismatch/,
    )
  })

  test('is told whole by --help', () => {
    const names = ['host', 'port', 'ws-port', 'tls-port', 'cert', 'key', 'max-keepalive', 'deny-subscribe', 'help']
    const more = ['receive-maximum', 'topic-alias-maximum', 'max-sessions', 'max-queued', 'store', 'log']
    for (const name of [...names, ...more]) expect(usage).toMatch(new RegExp(`^  .*--${name} `, 'm'))
  })
})
