import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Connection } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { region, repositoryFile } from '../test/regions.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'docs/testing.md',
  'examples/broker/README.md',
  'packages/core/README.md',
  'packages/transports/README.md',
]
const readme = repositoryFile('README.md')

/** Each ```ts block with the comment before it. */
function blocks(page: string): { source: string | undefined; code: string }[] {
  return [...page.matchAll(/(?:<!-- (\S+) -->\n)?```ts\n([\s\S]*?)```/g)].map(([, source, code = '']) => ({
    source,
    code,
  }))
}

/** The default that an option's doc comment names, by the option's name. */
function defaults(): Map<string, Set<string>> {
  const folders = [
    'packages/core/src/codec',
    'packages/core/src/connection',
    'packages/core/src/operators',
    'packages/core/src/session',
    'packages/core/src/flows',
    'packages/transports/src',
  ]
  const found = new Map<string, Set<string>>()
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder)).filter((each) => /^[^.]+\.ts$/.test(each))) {
      const text = repositoryFile(`${folder}/${name}`)
      for (const [, value = '', option = ''] of text.matchAll(
        /@default ([^\n]*?)\s*(?:\*\/|\n[^?{};]*?\*\/)\s*readonly (\w+)\?:/g,
      )) {
        found.set(option, (found.get(option) ?? new Set()).add(shown(value)))
      }
    }
  }
  return found
}

/** The first number of a default, or its first word. */
function shown(value: string): string {
  return (/\d[\d,_]*/.exec(value)?.[0] ?? /\w+/.exec(value)?.[0] ?? '').replace(/[,_]/g, '')
}

describe.each(pages)('%s', (path) => {
  const page = repositoryFile(path)

  it('has code that stands in a tested example, to the letter', () => {
    for (const { source = 'no source named before the block', code } of blocks(page)) {
      const [file = '', name = ''] = source.split('#')
      expect(`${source}\n${code.trimEnd()}`).toBe(`${source}\n${region(file, name)}`)
    }
  })

  it('links to files that are there', () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
    expect(links.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([])
  })

  it('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(repositoryFile('package.json')) as { scripts: Record<string, string> }
    const named = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })
})

describe('README.md', () => {
  it('tells the defaults that the options have', () => {
    const known = defaults()
    const limits = readme.slice(readme.indexOf('## Limits'), readme.indexOf('## From mqtt-connection'))
    const rows = [...limits.matchAll(/^\| `(\w+)`\s*\| ([^|]+) \|/gm)]
    expect(rows.length).toBe(25)
    for (const [, option = '', value = ''] of rows) {
      // memoryPair has an option of that name too, without a number.
      const numbers = [...(known.get(option) ?? [])].filter(
        (each) => /^\d+$/.test(each) || option === 'maximumConnections',
      )
      expect(`${option}: ${numbers.join(' ')}`).toBe(`${option}: ${shown(value)}`)
    }
  })

  it('has a place for every method and event of mqtt-connection', () => {
    const require = createRequire(import.meta.url)
    const old = require('mqtt-connection') as { prototype: object }
    const methods = Object.keys(old.prototype).filter((name) => !name.startsWith('_'))
    expect(methods.filter((name) => !readme.includes(`| \`${name}(`))).toEqual([])
    const ours = new Connection(memoryPair()[0])
    const rows = [...readme.matchAll(/'`\s*\| `(\w+)\(.*?\)`\s*\| `(\w+\$)`\s*\|/g)]
    expect(rows).toHaveLength(15)
    for (const [, method = '', stream = ''] of rows) expect([method in ours, stream in ours]).toEqual([true, true])
    ours.destroy()
  })
})
