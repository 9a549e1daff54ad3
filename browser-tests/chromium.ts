import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const host = '127.0.0.1'
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const quiet = ['--disable-component-update', '--disable-sync']
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
}

/** Debian's chromium, with a new profile. */
export function startChromium(more: readonly string[] = []): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
  return chromium.launch({ executablePath, headless: true, args: [...flags, ...quiet, ...more] })
}

/** A page, and what went wrong on it. */
export interface Opened {
  readonly page: Page
  /** Errors and warnings of its console, exceptions that nobody caught, and files that it did not get. */
  readonly complaints: string[]
}

/** Opens an address in a context of its own; close it by `page.context().close()`. */
export async function open(browser: Browser, url: string): Promise<Opened> {
  const page = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText ?? ''}`))
  await page.goto(url)
  return { page, complaints }
}

export interface Site {
  readonly url: string
  stop(): Promise<void>
}

/** Serves the files of a folder on a free port of the loopback address. */
export async function serveFolder(folder: string): Promise<Site> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', `http://${host}`)
    const path = join(folder, normalize(pathname === '/' ? '/index.html' : pathname))
    readFile(path).then(
      (content) => response.setHeader('content-type', types[extname(path)] ?? 'text/plain').end(content),
      // Browsers ask for an icon of their own accord.
      () => response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end(),
    )
  })
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve)
  })
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://${host}:${(server.address() as AddressInfo).port}/`, stop }
}
