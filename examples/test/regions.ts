import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of this repository, by its path from the root. */
export function repositoryFile(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
}

/** What stands between `// #region name` and `// #endregion`, the regions of one name joined. */
export function region(path: string, name: string): string {
  const found: string[][] = []
  let current: string[] | undefined
  for (const line of repositoryFile(path).split('\n')) {
    if (line.trim() === `// #region ${name}`) found.push((current = []))
    else if (line.trim() === '// #endregion') current = undefined
    else current?.push(line)
  }
  return found.map(dedented).join('\n\n')
}

function dedented(lines: string[]): string {
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length)
  const indent = Math.min(...indents)
  return lines
    .map((line) => line.slice(indent))
    .join('\n')
    .trim()
}
