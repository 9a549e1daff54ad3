import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use after collection: the JavaScript heap with its buffers, and the whole process. */
export interface Memory {
  readonly heap: number
  readonly rss: number
}

/** Collects garbage, lets finalizers run, and measures. */
export async function memory(): Promise<Memory> {
  for (let i = 0; i < 3; i += 1) {
    collect()
    await turn()
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed + arrayBuffers, rss }
}

/** Sockets, servers and timers that are open, by kind. */
export function handles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|ConnectWrap|ShutdownWrap|WriteWrap|Timeout/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** Open file descriptors, undefined where the system does not tell. */
export function openFiles(): number | undefined {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : undefined
}

/** Handles and file descriptors, to compare with later. */
export interface Open {
  readonly handles: Record<string, number>
  readonly files: number | undefined
}

/** What is open now. A process that listens for the first time keeps a descriptor in reserve from then on: so it does. */
export async function open(): Promise<Open> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
  return opened()
}

function opened(): Open {
  return { handles: handles(), files: openFiles() }
}

/** Waits, a few seconds at the most, until no more is open than before; returns what is, in words, or undefined. */
export async function leftOpen(before: Open): Promise<string | undefined> {
  for (let i = 0; ; i += 1) {
    const now = opened()
    const kinds = Object.keys(now.handles).filter((kind) => now.handles[kind]! > (before.handles[kind] ?? 0))
    const files = (now.files ?? 0) > (before.files ?? 0)
    if (kinds.length === 0 && !files) return undefined
    if (i === 60) return JSON.stringify({ before, now })
    // The timer of this wait would count: it is gone one turn later.
    await new Promise((resolve) => setTimeout(resolve, 50))
    await turn()
  }
}

/** Waits one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Waits some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}

/** Waits until it is true; false when the time is over first. */
export async function until(isTrue: () => boolean, milliseconds: number): Promise<boolean> {
  const limit = Date.now() + milliseconds
  while (!isTrue()) {
    if (Date.now() > limit) return false
    await pause(5)
  }
  return true
}

/** Bytes in words. */
export function size(bytes: number): string {
  const amount = Math.abs(bytes)
  if (amount < 10_240) return `${Math.round(bytes)} B`
  return amount < 10_485_760 ? `${(bytes / 1_024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** By how much y grows for one x: the slope of the line with the least squares. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (index: 0 | 1): number => points.reduce((sum, point) => sum + point[index], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}
