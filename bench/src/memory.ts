import { setTimeout as delay } from 'node:timers/promises'

/** Bytes after collecting garbage, and the connections so far. */
export interface Memory {
  readonly heapUsed: number
  readonly rss: number
  readonly external: number
  readonly open: number
}

/** Milliseconds that the server may take to count connections whose clients have got their CONNACK. */
const countLimit = 10_000

/**
 * Waits until as many connections are open, or for its limit, then collects garbage, and measures; Node needs `--expose-gc`.
 * A server may count a connection only after its CONNACK has left, so that the clients are ready first.
 */
export async function memoryNow(open: () => number, expected: number): Promise<Memory> {
  const end = performance.now() + countLimit
  while (open() < expected && performance.now() < end) await delay(10)
  for (let i = 0; i < 5; i++) {
    global.gc!()
    await delay(100)
  }
  const { heapUsed, rss, external } = process.memoryUsage()
  return { heapUsed, rss, external, open: open() }
}

/** What a server whose idle connections are measured does on demand. */
export type IdleServer = {
  /** Listens, as the server of this name; the port. */
  listen(this: void, name: string): Promise<number>
  /** What it takes with this many connections. */
  memory(this: void, connections: number): Promise<Memory>
}
