import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { open, serveFolder, startChromium } from './chromium.js'
import type { talk } from './page.js'
import { runNode } from './programs.js'
import { install, type Layout, type Project, removePacked } from './projects.js'
import { startServer } from './servers.js'

/** How each bundler is called, without any setting, and the folder that it fills. */
const bundlers = {
  esbuild: async (folder: string): Promise<string> => {
    const options = ['--bundle', '--minify', '--format=esm', '--outfile=dist-esbuild/page.js']
    await runNode('node_modules/esbuild/bin/esbuild', ['page.js', ...options], folder)
    return withPage(folder, 'dist-esbuild')
  },
  vite: async (folder: string): Promise<string> => {
    await runNode('node_modules/vite/bin/vite.js', ['build', '--outDir', 'dist-vite'], folder)
    return join(folder, 'dist-vite')
  },
  webpack: async (folder: string): Promise<string> => {
    await runNode('webpack.mjs', [], folder)
    return withPage(folder, 'dist-webpack')
  },
} as const

async function withPage(folder: string, to: string): Promise<string> {
  await cp(join(folder, 'index.html'), join(folder, to, 'index.html'))
  return join(folder, to)
}

async function angular(folder: string): Promise<string> {
  await runNode('node_modules/@angular/cli/bin/ng.js', ['build'], folder)
  return join(folder, 'dist')
}

const expected = [
  ['page/0', 0, 'grüße'],
  ['page/1', 1, ''],
  ['page/2', 2, 'zwei'],
  ['page/long', 2, '10000 bytes, sum 1250300'],
]

let browser: Browser

beforeAll(async () => {
  browser = await startChromium()
})
afterAll(async () => {
  await browser.close()
  await removePacked()
})

/** Opens what a bundler made, and has it talk to both servers, in both versions. */
async function check(folder: string): Promise<void> {
  const site = await serveFolder(folder)
  const { page, complaints } = await open(browser, site.url)
  try {
    await page.waitForFunction(() => 'talk' in globalThis)
    expect(await page.evaluate(() => ['Buffer', 'process', 'global'].filter((name) => name in globalThis))).toEqual([])
    for (const kind of ['the toolkit', 'mosquitto'] as const) {
      const server = await startServer(kind)
      for (const version of [4, 5] as const) {
        const received = await page.evaluate(
          ([url, version]) => (globalThis as unknown as { talk: typeof talk }).talk(url, version),
          [server.url, version] as const,
        )
        expect([kind, version, received.sort()]).toEqual([kind, version, expected])
      }
      expect(await server.stop()).toEqual([])
    }
    expect(complaints).toEqual([])
  } finally {
    await page.context().close()
    await site.stop()
  }
}

describe.each(['hoisted', 'linked'] as const)('npm lays packages out %s', (layout: Layout) => {
  describe('esbuild, Vite and webpack', () => {
    let project: Project
    beforeAll(async () => {
      project = await install('bundlers', layout)
    }, 300_000)
    afterAll(() => project.remove())

    test.each(['esbuild', 'vite', 'webpack'] as const)('%s', async (name) => {
      await check(await bundlers[name](project.folder))
    })
  })

  test('the Angular CLI', async () => {
    const project = await install('angular', layout)
    try {
      await check(await angular(project.folder))
    } finally {
      await project.remove()
    }
  }, 400_000)
})
