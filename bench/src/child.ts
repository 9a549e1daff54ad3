import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a child process does on demand: one plain value in, one plain value out. */
export type Tasks = Record<string, (input: never) => unknown>

interface Request {
  readonly id: number
  readonly task: string
  readonly input: unknown
}

type Reply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string })

/** In the child process: does what its parent asks for, until the parent is gone. */
export function serveTasks(tasks: Tasks): void {
  const answer = async ({ task, input }: Request): Promise<unknown> => tasks[task]!(input as never)
  process.on('message', (request: Request) => {
    const { id } = request
    answer(request).then(
      (result) => process.send!({ id, result } satisfies Reply),
      (error: unknown) => process.send!({ id, error: String((error as Error).stack ?? error) } satisfies Reply),
    )
  })
  process.once('disconnect', () => process.exit())
}

/** A process of its own, so that what is measured shares neither its heap nor its processor with anything else. */
export class Child<T extends Tasks> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #id = 0

  /**
   * @param module - such as `'./subject.js'`, beside this file
   * @param args - its arguments
   * @param flags - of Node, such as `'--expose-gc'`
   */
  constructor(module: string, args: readonly string[] = [], flags: readonly string[] = []) {
    this.#process = fork(fileURLToPath(new URL(module, import.meta.url)), [...args], { execArgv: [...flags] })
    this.#process.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if ('error' in reply) waiting?.reject(new Error(`${module} ${args.join(' ')}: ${reply.error}`))
      else waiting?.resolve(reply.result)
    })
    this.#process.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`${module} ${args.join(' ')} ended with ${signal ?? code}`))
      }
    })
  }

  call<K extends keyof T & string>(task: K, input: Parameters<T[K]>[0]): Promise<Awaited<ReturnType<T[K]>>> {
    const id = this.#id++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
      this.#process.send({ id, task, input })
    })
  }

  stop(): void {
    this.#process.disconnect()
  }
}
