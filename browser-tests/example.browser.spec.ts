import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { open, serveFolder, startChromium } from './chromium.js'
import { startServer } from './servers.js'

const example = fileURLToPath(new URL('../examples/browser/', import.meta.url))

let browser: Browser
let folder: string

beforeAll(async () => {
  browser = await startChromium()
  folder = await mkdtemp(join(tmpdir(), 'rxmqtt-example-'))
  await cp(join(example, 'index.html'), join(folder, 'index.html'))
  const entryPoints = [join(example, 'live.ts')]
  const outfile = join(folder, 'dist/live.js')
  const { metafile } = await build({ entryPoints, outfile, bundle: true, format: 'esm', metafile: true })
  // As it is built by `npm run page`: from what is published, not from our sources.
  expect(Object.keys(metafile.inputs)).toContain('packages/core/dist/esm/codec/mqtt-packet.browser.js')
})
afterAll(async () => {
  await browser.close()
  await rm(folder, { recursive: true })
})

test('examples/browser shows live values of all pages, and comes back when the server does', async () => {
  const site = await serveFolder(folder)
  const server = await startServer('the toolkit')
  const address = `${site.url}?server=${encodeURIComponent(server.url)}`
  const [one, other] = [await open(browser, address), await open(browser, address)]
  const pages = [one.page, other.page]
  const shown = (text: string | RegExp): Promise<unknown> =>
    Promise.all(pages.map((page) => page.getByText(text, { exact: true }).waitFor({ timeout: 20_000 })))
  const slide = (value: string): Promise<void> => one.page.getByRole('slider').fill(value)

  await shown('connected')
  await slide('73')
  await shown('73')

  await server.stop()
  await shown(/^offline: /)
  const again = await startServer('the toolkit', server.port)
  await shown('connected')
  await slide('99')
  await shown('99')
  const rows = await Promise.all(pages.map((page) => page.getByRole('row').allTextContents()))
  expect(rows).toEqual([['live/slider99'], ['live/slider99']])

  // A browser tells of each socket that it can't open.
  const complaints = [...one.complaints, ...other.complaints].filter((text) => !text.includes('WebSocket connection'))
  expect(complaints).toEqual([])
  await Promise.all(pages.map((page) => page.context().close()))
  expect(await again.stop()).toEqual([])
  await site.stop()
})
