import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** Whether a module, given its `import.meta.url`, is the program that was started. */
export function isMain(url: string): boolean {
  const program = process.argv[1]
  return program !== undefined && pathToFileURL(realpathSync(program)).href === url
}
