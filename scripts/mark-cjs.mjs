// Marks dist/cjs as CommonJS. Runs before the compiler, which also looks at this marker when it reads a sibling's types.
import { mkdirSync, writeFileSync } from 'node:fs'

for (const name of ['core', 'transports']) {
  const folder = new URL(`../packages/${name}/dist/cjs/`, import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('package.json', folder), '{"type":"commonjs","sideEffects":false}\n')
}
