import { setTimeout as delay } from 'node:timers/promises'

/** Bytes after collecting garbage, and the connections so far. */
export interface Memory {
  readonly heapUsed: number
  readonly rss: number
  readonly external: number
  readonly open: number
}

/** Collects garbage, and measures; Node needs `--expose-gc`. */
export async function memoryNow(open: number): Promise<Memory> {
  for (let i = 0; i < 5; i++) {
    global.gc!()
    await delay(100)
  }
  const { heapUsed, rss, external } = process.memoryUsage()
  return { heapUsed, rss, external, open }
}

/** What a server whose idle connections are measured does on demand. */
export type IdleServer = {
  /** Listens, as the server of this name; the port. */
  listen(this: void, name: string): Promise<number>
  memory(this: void): Promise<Memory>
}
