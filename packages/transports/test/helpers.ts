import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type MqttError, type Transport } from '@rxmqtt/core'
import { type Observable, type Subscription } from 'rxjs'

/** How an Observable ended: `'complete'`, or the error's flattened facts. */
export type Ending = 'complete' | { code: string; message: string; cause?: string | undefined }

/** What an error says, as a plain value: matchers ignore the fields of errors. */
export function flatten(error: unknown): Exclude<Ending, string> {
  const { code, message, cause } = error as MqttError
  const reason = cause as { code?: string; message?: string } | undefined
  return { code, message, cause: reason?.code ?? reason?.message }
}

/** Waits for the end of an Observable. */
export function ending(source$: Observable<unknown>): Promise<Ending> {
  return new Promise((resolve) => {
    source$.subscribe({ error: (error: unknown) => resolve(flatten(error)), complete: () => resolve('complete') })
  })
}

/** Waits until it is true, or fails. */
export async function until(isTrue: () => boolean, what: string, milliseconds = 5_000): Promise<void> {
  const limit = Date.now() + milliseconds
  while (!isTrue()) {
    if (Date.now() > limit) throw new Error(`Not within ${milliseconds} ms: ${what}`)
    await pause(2)
  }
}

/** Waits some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}

/** What somebody who reads a transport has seen. */
export interface Reading {
  readonly chunks: Uint8Array[]
  readonly endings: Ending[]
  readonly subscription: Subscription
  length(): number
  bytes(): Buffer
}

/** Reads a transport and remembers everything. */
export function read(transport: Transport): Reading {
  const chunks: Uint8Array[] = []
  const endings: Ending[] = []
  let length = 0
  const subscription = transport.bytes$.subscribe({
    next: (chunk) => {
      // A copy: what was delivered must not change afterwards.
      chunks.push(Uint8Array.prototype.slice.call(chunk))
      length += chunk.length
    },
    error: (error: unknown) => endings.push(flatten(error)),
    complete: () => endings.push('complete'),
  })
  return { chunks, endings, subscription, length: () => length, bytes: () => Buffer.concat(chunks) }
}

/** Bytes that tell a lost, doubled or swapped piece, the same for the same seed. */
export function pattern(length: number, seed = 1): Buffer {
  const key = createHash('sha256').update(String(seed)).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

/** Short for comparing large bytes. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('sha1').update(bytes).digest('hex')}`
}

/** Sends bytes cut into chunks of this size. */
export function sendCut(transport: Transport, bytes: Uint8Array, size: number): void {
  for (let i = 0; i < bytes.length; i += size) transport.sink.next(bytes.subarray(i, i + size))
}

/** A file of test/fixtures. */
export function fixture(name: string): Buffer {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url))
}

/** Sockets, servers and timers that keep the process alive, counted by kind. */
export function handles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Pipe|HTTP|MessagePort|ConnectWrap|ShutdownWrap|WriteWrap|Timeout|GetAddrInfo/.test(kind)) {
      counts[kind] = (counts[kind] ?? 0) + 1
    }
  }
  return counts
}

/** Registers a check, for the whole file, that every test leaves no handle. */
export function expectNoHandles(): void {
  let before: Record<string, number>
  beforeEach(() => {
    before = handles()
  })
  afterEach(async () => {
    const same = (): boolean => {
      const now = handles()
      return Object.keys(now).every((kind) => (now[kind] as number) <= (before[kind] ?? 0))
    }
    // The timer of this very wait is one of them.
    for (let i = 0; i < 100 && !same(); i += 1) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 400 && !same(); i += 1) {
      const wait = new Promise((resolve) => setTimeout(resolve, 10))
      await wait
    }
    await new Promise((resolve) => setImmediate(resolve))
    // A spec before this one in the same process may have left timers of goodbyes, which end meanwhile.
    const more = Object.entries(handles()).filter(([kind, count]) => count > (before[kind] ?? 0))
    expect(more).toEqual([])
  })
}
