import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { open, serveFolder, startChromium } from './chromium.js'
import type { Result, runTests } from './contract/jest.js'
import { startRelay } from './relay.js'

const contract = fileURLToPath(new URL('contract/', import.meta.url))
/** The server end is a WebSocket of the browser here too: it can't hold back its peer, nor the peer's end. */
const leftOut = [
  'holds the peer back while nobody reads at the server, and loses nothing',
  'does not throw away unread bytes by itself after sink.complete',
]

/** The results of the contract in a page. */
async function runInPage(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rxmqtt-contract-'))
  const [browser, relay, site] = await Promise.all([startChromium(), startRelay(), serveFolder(folder)])
  try {
    const replaced = Object.fromEntries(['node:crypto', 'node:fs'].map((name) => [name, join(contract, 'node.ts')]))
    const outfile = join(folder, 'page.js')
    const entryPoints = [join(contract, 'page.ts')]
    await build({ entryPoints, outfile, alias: replaced, bundle: true, format: 'esm', tsconfigRaw: {} })
    await writeFile(join(folder, 'index.html'), '<script type="module" src="page.js"></script>')
    const { page } = await open(browser, `${site.url}?relay=${encodeURIComponent(relay.url)}`)
    await page.waitForFunction(() => 'runTests' in globalThis)
    return await page.evaluate(
      (names) => (globalThis as unknown as { runTests: typeof runTests }).runTests(names),
      leftOut,
    )
  } finally {
    await browser.close()
    await relay.stop()
    await site.stop()
    await rm(folder, { recursive: true })
  }
}

test('websocket keeps the Transport contract in chromium', async () => {
  const results = await runInPage()
  expect(results.filter(({ error }) => error !== undefined)).toEqual([])
  expect(results.length).toBeGreaterThanOrEqual(25)
}, 120_000)
