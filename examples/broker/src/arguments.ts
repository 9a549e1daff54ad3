import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { MqttError, parseTopicFilter } from '@rxmqtt/core'

/** How much is told: each packet, what becomes of clients, or nothing but errors. */
export type LogLevel = (typeof logLevels)[number]

/** What the command line asks for. */
export interface Arguments {
  readonly help: boolean
  readonly host: string
  readonly port: number
  /** Undefined: no WebSocket. */
  readonly wsPort: number | undefined
  /** Undefined: no TLS. */
  readonly tls: { readonly port: number; readonly cert: Buffer; readonly key: Buffer } | undefined
  readonly maximumKeepAlive: number | undefined
  readonly receiveMaximum: number | undefined
  readonly topicAliasMaximum: number | undefined
  readonly maximumSessions: number | undefined
  readonly maxQueued: number | undefined
  /** Filters to which nobody may subscribe. */
  readonly denySubscribe: readonly string[]
  /** A directory; undefined: in memory. */
  readonly store: string | undefined
  readonly log: LogLevel
}

const logLevels = ['packets', 'events', 'quiet'] as const

export const usage: string = `Usage: npm run broker -- [options]

  --host H                 address to listen on (127.0.0.1)
  --port N                 MQTT over TCP (1883); 0 is any free port, here and below
  --ws-port N              MQTT over WebSocket (none)
  --tls-port N             MQTT over TLS (none), with
  --cert FILE --key FILE   its certificate and private key, in PEM
  --store DIR              where sessions and retained messages are kept (in memory)
  --max-keepalive N        seconds between two packets that MQTT 5 clients may take at most (any)
  --receive-maximum N      messages of QoS 1 and 2 that a client may have on their way (256)
  --topic-alias-maximum N  topic aliases for each client, both ways (16)
  --max-sessions N         sessions, of clients that are away too (100000)
  --max-queued N           messages that wait for one client (1000)
  --deny-subscribe FILTER  refuses subscriptions to this filter and to what lies within it; may be repeated
  --log WHAT               packets, events or quiet (events)
  --help                   this text`

const string = { type: 'string' } as const
const options = {
  host: string,
  port: string,
  'ws-port': string,
  'tls-port': string,
  cert: string,
  key: string,
  store: string,
  'max-keepalive': string,
  'receive-maximum': string,
  'topic-alias-maximum': string,
  'max-sessions': string,
  'max-queued': string,
  'deny-subscribe': { type: 'string', multiple: true },
  log: string,
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

type Name = keyof typeof options

/**
 * Reads a command line.
 *
 * @param argv - without the program
 * @throws MqttError `'invalid-option'`, one line that names the option, its value and the rule
 */
export function brokerArguments(argv: readonly string[]): Arguments {
  const values = valuesOf(argv)
  const number = (name: Name, least: number, most: number): number | undefined => {
    const value = values.get(name)?.at(-1)
    return value === undefined ? undefined : wholeNumber(name, value, least, most)
  }
  const port = (name: Name): number | undefined => number(name, 0, 65_535)
  const text = (name: Name): string | undefined => {
    const value = values.get(name)?.at(-1)
    if (value === '') throw wrong(`--${name} must not be empty`)
    return value
  }
  return {
    help: values.has('help'),
    host: text('host') ?? '127.0.0.1',
    port: port('port') ?? 1883,
    wsPort: port('ws-port'),
    tls: tlsOf(port('tls-port'), text('cert'), text('key')),
    maximumKeepAlive: number('max-keepalive', 1, 65_535),
    receiveMaximum: number('receive-maximum', 1, 65_535),
    topicAliasMaximum: number('topic-alias-maximum', 0, 65_535),
    maximumSessions: number('max-sessions', 1, 1e9),
    maxQueued: number('max-queued', 1, 1e9),
    denySubscribe: (values.get('deny-subscribe') ?? []).map(filterOf),
    store: text('store'),
    log: logLevelOf(text('log') ?? 'events'),
  }
}

/** The values of each option that is there; parseArgs finds them, what is wrong is said here, in one line. */
function valuesOf(argv: readonly string[]): ReadonlyMap<Name, readonly string[]> {
  const values = new Map<Name, string[]>()
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional')
      throw wrong(`${JSON.stringify(token.value)} belongs to no option; --help tells all`)
    const { rawName, value } = token
    if (!Object.hasOwn(options, token.name))
      throw wrong(`there is no option ${JSON.stringify(rawName)}; --help tells all`)
    const name = token.name as Name
    if (name === 'help' ? value !== undefined : value === undefined) {
      throw wrong(`${rawName} ${name === 'help' ? 'takes no' : 'needs a'} value`)
    }
    if (token.inlineValue === false && value?.startsWith('-') && isOption(value))
      throw wrong(`${rawName} needs a value`)
    values.set(name, [...(values.get(name) ?? []), value ?? ''])
  }
  return values
}

/** Whether it is an option rather than a value of the one before it. */
function isOption(value: string): boolean {
  return Object.hasOwn(options, value.replace(/^--/, '').split('=')[0] ?? '')
}

function wholeNumber(name: Name, value: string, least: number, most: number): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= least && number <= most) return number
  throw wrong(`--${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`)
}

function filterOf(filter: string): string {
  try {
    parseTopicFilter(filter)
  } catch (error) {
    throw wrong(`--deny-subscribe ${JSON.stringify(filter)}: ${(error as Error).message}`)
  }
  return filter
}

function logLevelOf(value: string): LogLevel {
  const level = logLevels.find((each) => each === value)
  if (level === undefined) throw wrong(`--log must be packets, events or quiet, not ${JSON.stringify(value)}`)
  return level
}

function tlsOf(port: number | undefined, cert: string | undefined, key: string | undefined): Arguments['tls'] {
  if (port === undefined) {
    const alone = cert === undefined ? (key === undefined ? undefined : '--key') : '--cert'
    if (alone !== undefined) throw wrong(`${alone} needs --tls-port, the port to listen on`)
    return undefined
  }
  if (cert === undefined || key === undefined) throw wrong('--tls-port needs --cert and --key, two files in PEM')
  const tls = { port, cert: contentOf('cert', cert), key: contentOf('key', key) }
  try {
    createSecureContext(tls)
  } catch (error) {
    throw wrong(
      `--cert ${JSON.stringify(cert)} and --key ${JSON.stringify(key)} can't be used: ${(error as Error).message}`,
    )
  }
  return tls
}

function contentOf(name: Name, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw wrong(
      `--${name} ${JSON.stringify(file)} can't be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    )
  }
}

function wrong(message: string): MqttError {
  return new MqttError('invalid-option', message)
}
