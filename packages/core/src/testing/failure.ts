import type { ObservableNotification } from 'rxjs'
import { isObject } from './canonical.js'
import { show, showErrorMembers } from './describe.js'
import { drawDiagrams, type Mark } from './diagram.js'
import { difference } from './difference.js'
import { align } from './align.js'

/** What was told at a frame of virtual time. */
export interface Message {
  readonly frame: number
  readonly notification: ObservableNotification<unknown>
}

/** When an Observable was subscribed and unsubscribed, as `expectSubscriptions` takes it; Infinity: never. */
export interface SubscriptionLog {
  readonly subscribedFrame: number
  readonly unsubscribedFrame: number
}

type Lettered = Message & { readonly mark: string }
interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

const shownLines = 60
const shownBefore = 10
const alphabet = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']

/** How messages differ from those expected, as diagrams and a list to read; undefined where they don't. */
export function messageFailure(
  title: string,
  actual: readonly Message[],
  expected: readonly Message[],
  letters: readonly string[],
): string | undefined {
  if (actual.length === expected.length && actual.every((message, index) => same(message, expected[index]!))) {
    return undefined
  }
  const left = lettered(expected, letters, [])
  const right = lettered(actual, [], left)
  const frames = [...new Set([...left, ...right].map(({ frame }) => frame))].sort((a, b) => a - b)
  const width = String(frames.at(-1)).length
  const lines = frames.flatMap((frame) => {
    const at = (messages: readonly Lettered[]): Lettered[] => messages.filter((message) => message.frame === frame)
    return linesAt(at(left), at(right), (message) => `${String(frame).padStart(width)}  ${message.mark}`)
  })
  return [
    title,
    '',
    ...drawn(['expected', left], ['actual', right]),
    '',
    '  - expected, + actual, at frame',
    ...cut(lines).map((line) => `  ${line}`.trimEnd()),
    '',
  ].join('\n')
}

/** How subscriptions differ from those expected, as diagrams, one a subscription; undefined where they don't. */
export function subscriptionFailure(
  title: string,
  actual: readonly SubscriptionLog[],
  expected: readonly SubscriptionLog[],
): string | undefined {
  const equal = (log: SubscriptionLog, index: number): boolean =>
    log.subscribedFrame === expected[index]?.subscribedFrame &&
    log.unsubscribedFrame === expected[index].unsubscribedFrame
  if (actual.length === expected.length && actual.every(equal)) return undefined
  const rows = (name: string, logs: readonly SubscriptionLog[]): [string, Mark[]][] =>
    logs.length === 0 ? [[name, []]] : logs.map((log, index) => [index === 0 ? name : '', marksOf(log)])
  return [title, '', ...drawn(...rows('expected', expected), ...rows('actual', actual)), ''].join('\n')
}

function marksOf({ subscribedFrame, unsubscribedFrame }: SubscriptionLog): Mark[] {
  const marks = [
    { frame: subscribedFrame, mark: '^' },
    { frame: unsubscribedFrame, mark: '!' },
  ]
  return marks.filter(({ frame }) => frame !== Number.POSITIVE_INFINITY)
}

function drawn(...rows: readonly (readonly [name: string, marks: readonly Mark[]])[]): string[] {
  const diagrams = drawDiagrams(rows.map(([, marks]) => marks))
  return rows.map(([name], index) => `  ${name.padEnd(8)}  ${diagrams[index]!}`)
}

function same(actual: Message, expected: Message): boolean {
  return actual.frame === expected.frame && differenceOf(actual, expected) === undefined
}

function differenceOf({ notification: actual }: Message, { notification: expected }: Message): string | undefined {
  if (actual.kind === 'N' && expected.kind === 'N') return difference(actual.value, expected.value)
  if (actual.kind === 'E' && expected.kind === 'E') return difference(actual.error, expected.error)
  return actual.kind === expected.kind ? undefined : 'another kind'
}

/** Gives each message its letter: the one it was written with, that of an equal one, or the next that is free. */
function lettered(messages: readonly Message[], letters: readonly string[], others: readonly Lettered[]): Lettered[] {
  const known = [...others]
  const used = new Set([...letters, ...others.map(({ mark }) => mark)])
  const free = (): string => alphabet.find((letter) => !used.has(letter)) ?? '?'
  return messages.map((message, index) => {
    const { kind } = message.notification
    if (kind !== 'N') return { ...message, mark: kind === 'C' ? '|' : '#' }
    const equal = known.find((each) => differenceOf(message, each) === undefined)
    const mark = letters[index] ?? equal?.mark ?? free()
    used.add(mark)
    known.push({ ...message, mark })
    return { ...message, mark }
  })
}

function linesAt(
  expected: readonly Lettered[],
  actual: readonly Lettered[],
  head: (message: Lettered) => string,
): Line[] {
  const line = (sign: Line['sign'], message: Lettered, note = ''): Line => ({
    sign,
    text: `${sign} ${head(message)}  ${textOf(message)}${note}`,
  })
  return align(actual, expected, same).flatMap(({ equal, removed, added }) => [
    ...equal.map((message) => line(' ', message)),
    ...removed.map((message) => line('-', message)),
    ...added.map((message, index) => line('+', message, noteOf(message, removed[index]))),
  ])
}

/** The member that makes the difference, where both are there and it is not the whole value. */
function noteOf(actual: Message, expected: Message | undefined): string {
  const found = expected?.notification.kind === actual.notification.kind && differenceOf(actual, expected)
  return typeof found === 'string' && /^[\w.]+: /.test(found) ? `   (${found})` : ''
}

function textOf({ notification }: Message): string {
  if (notification.kind === 'N') return show(notification.value)
  if (notification.kind === 'C') return ''
  const { error } = notification as { error: unknown }
  // Objects stand for errors of that code.
  return isObject(error) && typeof error['code'] === 'string' ? showErrorMembers(namedMembers(error)) : show(error)
}

function namedMembers(error: object): Readonly<Record<string, unknown>> {
  return error instanceof Error ? { ...error, name: error.name, message: error.message } : { ...error }
}

/** Some lines before the first difference and a screen of those after it. */
function cut(lines: readonly Line[]): string[] {
  const from = Math.max(0, lines.findIndex(({ sign }) => sign !== ' ') - shownBefore)
  const after = lines.length - from - shownLines
  return [
    ...(from > 0 ? [`… ${from} equal before`] : []),
    ...lines.slice(from, from + shownLines).map(({ text }) => text),
    ...(after > 0 ? [`… ${after} more`] : []),
  ]
}
