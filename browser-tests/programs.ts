import { spawn } from 'node:child_process'

/** Runs a program to its end. @returns what it said @throws Error with what it said, where it failed or took too long */
export function run(program: string, args: readonly string[], cwd: string, milliseconds = 240_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: milliseconds })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(said)
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}:\n${said}`))
    })
  })
}

/** Runs a program of Node by its file in a folder. */
export function runNode(file: string, args: readonly string[], cwd: string): Promise<string> {
  return run(process.execPath, [file, ...args], cwd)
}
