import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { Subject } from 'rxjs'
import { startChromium } from '../../../browser-tests/chromium.js'
import { type Address, dashboard } from '../../src/dashboard/dashboard.js'

const app = fileURLToPath(new URL('..', import.meta.url))

/** Installs what the app needs, where that isn't there, and builds it. */
export async function buildApp(): Promise<void> {
  await promisify(execFile)(process.execPath, ['prepare.mjs'], { cwd: app })
}

/** A name that is not this machine's, for what depends on the network. */
export const remoteHost = 'dashboard.test'

export function startBrowser(): Promise<Browser> {
  return startChromium([`--host-resolver-rules=MAP ${remoteHost} 127.0.0.1`])
}

export interface Server {
  readonly url: string
  readonly port: number
  /** Resolves when everything is closed. */
  stop(): Promise<void>
}

/** The page, its broker and the fleet, on a free port or that one. */
export function startServer(port = 0): Promise<Server> {
  return new Promise((resolve, reject) => {
    const stop = new Subject<void>()
    let stopped: () => void
    const over = new Promise<void>((done) => {
      stopped = done
    })
    dashboard({ folder: `${app}dist`, port, stop$: stop }).subscribe({
      next: ({ url }: Address) => {
        const ended = (): Promise<void> => {
          stop.next()
          return over
        }
        resolve({ url, port: Number(new URL(url).port), stop: ended })
      },
      error: reject,
      complete: () => stopped(),
    })
  })
}

export interface Opened {
  readonly page: Page
  /** What its console complained about, and errors that nobody caught. */
  readonly complaints: string[]
}

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(url)
  return { page, complaints }
}

/** Complaints but those that a browser has about every WebSocket which can't be opened. */
export function surprising(complaints: readonly string[]): string[] {
  return complaints.filter((text) => !/^WebSocket connection to '[^']+' failed/.test(text))
}

/** Reads again and again until it is right; fails with what it was at last. */
export async function eventually<T>(
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
  within = 15_000,
): Promise<T> {
  const limit = Date.now() + within
  for (;;) {
    const value = await read()
    if (isRight(value)) return value
    if (Date.now() > limit) throw new Error(`not within ${within} ms; it was ${JSON.stringify(value)} at last`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What is said about the connection: its state, then what is wrong. */
export async function connectionOf(page: Page): Promise<string> {
  const parts = await page.locator('.state, .problem').allInnerTexts()
  return parts.map((part) => part.trim()).join(' | ')
}

export function untilConnected(page: Page, within = 15_000): Promise<string> {
  return eventually(
    () => connectionOf(page),
    (text) => text === 'Connected',
    within,
  )
}

/** The places in the table and what they have now. */
export async function tableOf(page: Page): Promise<Record<string, string>> {
  const rows = await page
    .locator('tbody tr')
    .evaluateAll((elements) =>
      elements.map((row) =>
        [...(row as unknown as { cells: Iterable<{ innerText: string }> }).cells].map((cell) => cell.innerText),
      ),
    )
  return Object.fromEntries(rows.map(([name = '', now = '']) => [name.replace(/\s+/g, ' ').trim(), now.trim()]))
}

/** What is needed of one in a page. */
interface Element {
  readonly ownerDocument: { readonly activeElement: unknown }
}

/** Goes on with the Tab key until this has the focus, which everybody can see. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stops = 0; stops < 60; stops++) {
    await page.keyboard.press('Tab')
    if (await target.evaluate((element: unknown) => element === (element as Element).ownerDocument.activeElement))
      return
  }
  throw new Error('not within 60 stops of the Tab key')
}

/** Puts a text in place of what a field has, by keyboard. */
export async function typeInto(page: Page, field: Locator, text: string): Promise<void> {
  await tabTo(page, field)
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

/** Connects with other settings, by keyboard. */
export async function connectAs(page: Page, fields: Record<string, string>): Promise<void> {
  await tabTo(page, page.getByRole('button', { name: 'Settings' }))
  await page.keyboard.press('Enter')
  for (const [label, text] of Object.entries(fields))
    await typeInto(page, page.getByLabel(label, { exact: true }), text)
  await page.keyboard.press('Enter')
}
