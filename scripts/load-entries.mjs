// Loads every public entry both ways, as a user's program would, and compares what they export.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
for (const name of ['core', 'transports']) {
  const { exports } = JSON.parse(readFileSync(new URL(`../packages/${name}/package.json`, import.meta.url), 'utf8'))
  for (const subpath of Object.keys(exports)) {
    if (subpath.endsWith('.json')) continue
    const entry = `@rxmqtt/${name}${subpath.slice(1)}`
    const imported = Object.keys(await import(entry)).sort()
    const required = Object.keys(require(entry)).sort()
    if (imported.length === 0 || imported.join() !== required.join()) {
      throw new Error(`${entry}: import gives ${imported.join(', ')}; require gives ${required.join(', ')}`)
    }
    console.log(`${entry}: ${imported.length} values by import and by require`)
  }
}
