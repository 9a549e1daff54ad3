import { mkdirSync, copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { jest } from '@jest/globals'
import type { Browser, CDPSession } from 'playwright-core'
import {
  buildApp,
  connectAs,
  connectionOf,
  eventually,
  openPage,
  type Opened,
  remoteHost,
  type Server,
  startBrowser,
  startServer,
  surprising,
  tableOf,
  tabTo,
  typeInto,
  untilConnected,
} from './harness.js'

const shots = fileURLToPath(new URL('../../../temp/dashboard/', import.meta.url))
const published = fileURLToPath(new URL('../../../docs/dashboard.png', import.meta.url))
const places = ['attic', 'cellar', 'greenhouse', 'lab', 'office', 'workshop']

let server: Server
let browser: Browser
/** Open from the beginning, so that its charts are full at the end. */
let patient: Opened

jest.setTimeout(90_000)

beforeAll(async () => {
  await buildApp()
  mkdirSync(shots, { recursive: true })
  server = await startServer()
  browser = await startBrowser()
  patient = await openPage(browser, server.url, { colorScheme: 'light', viewport: { width: 1080, height: 800 } })
}, 400_000)

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

async function visit(options: Parameters<typeof openPage>[2] = {}, url = server.url): Promise<Opened> {
  const opened = await openPage(browser, url, options)
  await untilConnected(opened.page)
  return opened
}

/** Closes a page that had nothing to complain about. */
async function leave({ page, complaints }: Opened): Promise<void> {
  await page.context().close()
  expect(surprising(complaints)).toEqual([])
}

describe('live values', () => {
  it('move, in the table and in the chart', async () => {
    const opened = await visit()
    const { page, complaints } = opened
    const first = await eventually(
      () => tableOf(page),
      (table) => Object.keys(table).length === places.length,
    )
    expect(Object.keys(first)).toEqual(places)
    expect(first['lab']).toMatch(/^\d\d\.\d\s*°C$/)
    const drawn = (): Promise<string> => page.evaluate(`document.querySelector('canvas').toDataURL()`)
    const before = await drawn()
    await eventually(
      () => tableOf(page),
      (table) => places.every((place) => table[place] !== undefined && table[place] !== first[place]),
    )
    expect(await drawn()).not.toBe(before)
    expect(complaints).toEqual([])
    await leave(opened)
  })

  it('do not keep the application from being stable', async () => {
    const opened = await visit()
    const { page } = opened
    const marks = (): Promise<number> => page.evaluate(`performance.getEntriesByName('stable').length`)
    expect(await eventually(marks, (count) => count > 0)).toBe(1)
    await leave(opened)
  })

  it('are sampled: 24 messages a second draw the chart ten times a second at most', async () => {
    const opened = await visit()
    const { page } = opened
    await eventually(
      () => tableOf(page),
      (table) => Object.keys(table).length === places.length,
    )
    await page.evaluate(watchChart)
    await page.waitForTimeout(3_000)
    const { drawn, milliseconds } = await page.evaluate<{ drawn: number; milliseconds: number }>('chart()')
    expect(drawn).toBeGreaterThan(5)
    expect(drawn).toBeLessThanOrEqual(milliseconds / 100 + 2)
    await leave(opened)
  })

  it('a burst of 20,000 messages leaves the page responsive, its memory bounded, and the last values right', async () => {
    const opened = await visit()
    const { page, complaints } = opened
    const session = await page.context().newCDPSession(page)
    await typeInto(page, page.getByLabel('Topic filter'), 'burst/#')
    await page.keyboard.press('Enter')
    await typeInto(page, page.locator('#publish-topic'), 'fleet/burst')
    await typeInto(page, page.locator('#publish-payload'), '20000')
    const before = await heapOf(session)
    const total = Number((await page.locator('.traffic span').first().innerText()).replace(/\D/g, ''))
    await page.evaluate(watchFrames)
    await page.keyboard.press('Enter')
    const numbers = await eventually(
      () => tableOf(page),
      (table) => table['5 count'] === '20,000' || table['5'] === '20,000',
    )
    expect(Object.values(numbers)).toEqual(['19,996', '19,997', '19,998', '19,999', '20,000'])
    await eventually(
      async () => Number((await page.locator('.traffic span').first().innerText()).replace(/\D/g, '')),
      (count) => count >= total + 20_000,
    )
    const { longest, frames } = await page.evaluate<{ longest: number; frames: number }>('frames()')
    const growth = (await heapOf(session)) - before
    console.log(
      `burst: longest frame ${Math.round(longest)} ms of ${frames}, heap ${Math.round(growth / 1024)} KiB more`,
    )
    expect(frames).toBeGreaterThan(10)
    expect(longest).toBeLessThan(500)
    expect(growth).toBeLessThan(6 * 1024 * 1024)
    expect(await page.locator('ol li').count()).toBeLessThanOrEqual(2 * 100)
    expect(complaints).toEqual([])
    await leave(opened)
  })
})

/** Counts how often the chart is drawn. */
const watchChart = `{
  const start = performance.now()
  const { prototype } = CanvasRenderingContext2D
  const { clearRect } = prototype
  let drawn = 0
  prototype.clearRect = function (...args) {
    drawn++
    return clearRect.apply(this, args)
  }
  globalThis.chart = () => ({ drawn, milliseconds: performance.now() - start })
}`

/** Remembers the longest time between two frames. */
const watchFrames = `{
  let last = performance.now(), longest = 0, count = 0
  const frame = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    count++
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  globalThis.frames = () => ({ longest: Math.max(longest, performance.now() - last), frames: count })
}`

async function heapOf(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number }
  return usedSize
}

describe('by keyboard alone', () => {
  it('the skip link comes first and leads to the readings', async () => {
    const opened = await visit()
    const { page } = opened
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the readings')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('readings')
    await leave(opened)
  })

  it('everything that takes the focus shows it, and has a name', async () => {
    const opened = await visit()
    const { page } = opened
    const stops: unknown[] = []
    for (let index = 0; index < 40; index++) {
      await page.keyboard.press('Tab')
      const stop = await page.evaluate<{ name: string; ring: string } | undefined>(describeFocus)
      if (stop === undefined) break
      stops.push(stop)
    }
    expect(stops.length).toBeGreaterThan(15)
    expect(stops.filter((stop) => !/^\S/.test((stop as { name: string }).name))).toEqual([])
    expect(stops.filter((stop) => (stop as { ring: string }).ring !== 'solid 2px')).toEqual([])
    await leave(opened)
  })

  it('a filter is corrected and applied', async () => {
    const opened = await visit()
    const { page, complaints } = opened
    const field = page.getByLabel('Topic filter')
    await typeInto(page, field, 'sensors/#/temperature')
    await page.keyboard.press('Enter')
    await eventually(
      () => page.locator('#filter-error').innerText(),
      (text) => /'#'.*\[MQTT-4\.7\.1-1\]/.test(text),
    )
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    expect(await page.getByRole('button', { name: 'Temperatures' }).getAttribute('aria-pressed')).toBe('true')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('sensors/lab/#')
    await page.keyboard.press('Enter')
    await eventually(
      () => tableOf(page),
      (table) => Object.keys(table).join() === 'lab humidity,lab temperature',
    )
    expect(await page.locator('#filter-error').innerText()).toBe('')
    expect(await page.locator('canvas').count()).toBe(2)
    expect(complaints).toEqual([])
    await leave(opened)
  })

  it('a message is published, with QoS 2 and retained: who comes later gets it too', async () => {
    const opened = await visit()
    const { page, complaints } = opened
    await typeInto(page, page.getByLabel('Topic filter'), 'desk/#')
    await page.keyboard.press('Enter')
    await typeInto(page, page.locator('#publish-topic'), 'desk/lamp/power')
    await typeInto(page, page.locator('#publish-payload'), '31.5')
    await tabTo(page, page.getByLabel('QoS'))
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await tabTo(page, page.getByLabel('Retain'))
    await page.keyboard.press('Space')
    await tabTo(page, page.getByRole('button', { name: 'Publish', exact: true }))
    await page.keyboard.press('Enter')
    await eventually(
      () => page.locator('rx-publish-form [role=status]').innerText(),
      (text) => text === 'Sent and acknowledged: desk/lamp/power',
    )
    await eventually(
      () => tableOf(page),
      (table) => /^31\.5\s*W$/.test(table['lamp'] ?? ''),
    )
    const later = await visit()
    await typeInto(later.page, later.page.getByLabel('Topic filter'), 'desk/#')
    await later.page.keyboard.press('Enter')
    await eventually(
      () => tableOf(later.page),
      (table) => /^31\.5\s*W$/.test(table['lamp'] ?? ''),
    )
    await leave(later)

    await typeInto(page, page.locator('#publish-topic'), 'sensors/+')
    await page.keyboard.press('Enter')
    await eventually(
      () => page.locator('rx-publish-form [role=status]').innerText(),
      (text) => /^Not sent: .*'\+'.*\[MQTT-3\.3\.2-2\]/.test(text),
    )
    expect(complaints).toEqual([])
    await leave(opened)
  })

  it('a line is picked out, and packets are held', async () => {
    const opened = await visit()
    const { page } = opened
    const lab = page.getByRole('button', { name: 'lab' }).and(page.locator('.name'))
    await tabTo(page, lab)
    await page.keyboard.press('Space')
    await eventually(
      () => lab.getAttribute('aria-pressed'),
      (pressed) => pressed === 'true',
    )
    const newest = (): Promise<string> => page.locator('rx-packet-log ol').innerText()
    await tabTo(page, page.getByRole('button', { name: 'Pause' }))
    await page.keyboard.press('Enter')
    await page.waitForTimeout(400)
    const held = await newest()
    expect(held).toMatch(/PUBLISH\s+sensors\/\w+\/temperature · \d\d\.\d/)
    await page.waitForTimeout(700)
    expect(await newest()).toBe(held)
    await leave(opened)
  })
})

/** The name of what has the focus, and how that shows; undefined where the page is over. */
const describeFocus = `(() => {
  const element = document.activeElement
  if (element === null || element === document.body) return undefined
  const by = element.getAttribute('aria-labelledby')
  const label = element.labels?.[0] ?? (by && document.getElementById(by))
  const style = getComputedStyle(element)
  return { name: (label || element).textContent.trim(), ring: style.outlineStyle + ' ' + style.outlineWidth }
})()`

describe('when there is no connection', () => {
  it('a client that is refused is told why, and not tried again by itself', async () => {
    const opened = await visit()
    const { page } = opened
    await connectAs(page, { 'Client id': 'refused' })
    await eventually(
      () => connectionOf(page),
      (text) => text === 'Not connected | The server refused the connection. It does not take this client id.',
    )
    await page.screenshot({ path: `${shots}refused.png` })
    await eventually(
      () => page.locator('rx-packet-log li').first().innerText(),
      (line) => /CONNACK\s+0x85/.test(line),
    )
    const packets = await page.locator('rx-packet-log ol').innerText()
    await page.waitForTimeout(2_500)
    expect(await page.locator('rx-packet-log ol').innerText()).toBe(packets)

    await connectAs(page, { 'Client id': 'somebody', 'User name': 'operator', Password: 'wrong' })
    await eventually(
      () => connectionOf(page),
      (text) => text.endsWith('The server refused the connection. The user name or the password is wrong.'),
    )
    await connectAs(page, { Password: 'operator' })
    await untilConnected(page)
    await leave(opened)
  })

  it('a server that does not answer is told from one that is not there', async () => {
    const opened = await visit()
    const { page } = opened
    await connectAs(page, { 'Client id': 'silent' })
    await eventually(
      () => connectionOf(page),
      (text) => text === 'Waiting to reconnect | The server does not answer. It is there, but it does not answer.',
    )
    await connectAs(page, { Server: 'ws://127.0.0.1:9/mqtt', 'Client id': 'me' })
    await eventually(
      () => connectionOf(page),
      (text) => text.endsWith('The server can’t be reached. It may be down, or the address may be wrong.'),
    )
    await leave(opened)
  })

  it('without a network it says so, waits, and is back with it', async () => {
    const opened = await visit({}, `http://${remoteHost}:${server.port}/`)
    const { page } = opened
    await page.context().setOffline(true)
    await eventually(
      () => connectionOf(page),
      (text) => text.startsWith('Waiting to reconnect | You are offline.'),
    )
    await page.screenshot({ path: `${shots}offline.png` })
    await page.context().setOffline(false)
    await untilConnected(page)
    await leave(opened)
  })

  it('a server on the same machine needs no network', async () => {
    const opened = await visit()
    const { page } = opened
    await page.evaluate(`addEventListener('offline', () => { document.title = 'offline' })`)
    await page.context().setOffline(true)
    await eventually(
      () => page.title(),
      (title) => title === 'offline',
    )
    await page.waitForTimeout(500)
    expect(await connectionOf(page)).toBe('Connected')
    await leave(opened)
  })

  it('settings that were not used are forgotten', async () => {
    const opened = await visit()
    const { page } = opened
    const field = page.getByLabel('Client id')
    await page.getByRole('button', { name: 'Settings' }).click()
    const before = await field.inputValue()
    expect(before).toMatch(/^dashboard-\w+$/)
    await field.fill('somebody')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Settings' }).click()
    expect(await field.inputValue()).toBe(before)
    await leave(opened)
  })

  it('nothing is dialled after Disconnect, until Connect', async () => {
    const opened = await visit()
    const { page } = opened
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await eventually(
      () => connectionOf(page),
      (text) => text === 'Disconnected',
    )
    await eventually(
      () => page.locator('rx-packet-log li').first().innerText(),
      (line) => line.includes('DISCONNECT'),
    )
    await page.waitForTimeout(1_500)
    expect(await connectionOf(page)).toBe('Disconnected')
    await page.getByRole('button', { name: 'Connect', exact: true }).click()
    await untilConnected(page)
    await leave(opened)
  })
})

describe('how it looks', () => {
  it.each([
    ['light', 1200],
    ['dark', 1200],
    ['dark', 360],
    ['light', 320],
  ] as const)('%s, %i pixels wide: nothing is cut off, and text can be read', async (colorScheme, width) => {
    const opened = await visit({ colorScheme, viewport: { width, height: 800 } })
    const { page } = opened
    await page.waitForTimeout(1_500)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    expect(await page.evaluate(contrasts)).toEqual([])
    await page.screenshot({ path: `${shots}${colorScheme}-${width}.png`, fullPage: true })
    await page.getByRole('button', { name: 'Settings' }).click()
    expect(await page.evaluate(`document.querySelector('dialog').getBoundingClientRect().right <= innerWidth`)).toBe(
      true,
    )
    await page.screenshot({ path: `${shots}${colorScheme}-${width}-settings.png` })
    await leave(opened)
  })
})

/** Pairs of tokens with less contrast than text needs (WCAG AA, 4.5), or than marks need (3). */
const contrasts = `(() => {
  const style = getComputedStyle(document.documentElement)
  const luminance = (token) => {
    const hex = style.getPropertyValue(token).trim()
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  }
  const texts = [['--text', '--page'], ['--text', '--card'], ['--muted', '--page'], ['--muted', '--card'],
    ['--muted', '--sunken'], ['--accent', '--card'], ['--accent', '--sunken'], ['--on-accent', '--accent'],
    ['--bad', '--card'], ['--good', '--page'], ['--warn', '--page'], ['--text', '--warn-soft'], ['--text', '--bad-soft']]
  const marks = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ['--series-' + n, '--card']).concat([['--line-strong', '--card']])
  const low = (pairs, least) => pairs.filter(([a, b]) => !(ratio(a, b) >= least)).map((pair) => pair.join(' on '))
  return [...low(texts, 4.5), ...low(marks, 3)]
})()`

describe('a server that restarts', () => {
  it('is seen to be gone, and is back by itself, with the filter that was there', async () => {
    // With a minute in its chart, this is what README.md shows.
    await eventually(
      () => patient.page.evaluate<number>('performance.now()'),
      (age) => age > 64_000,
      70_000,
    )
    await patient.page.screenshot({ path: `${shots}readme.png`, fullPage: true })
    if (process.env['UPDATE_SCREENSHOT'] !== undefined) copyFileSync(`${shots}readme.png`, published)

    const opened = await visit()
    const { page } = opened
    await page.getByRole('button', { name: 'Humidity' }).click()
    await eventually(
      () => tableOf(page),
      (table) => table['lab']?.endsWith('%') === true,
    )
    await server.stop()
    await eventually(
      () => connectionOf(page),
      (text) => /^Waiting to reconnect \| The server (ended the connection|can’t be reached)\./.test(text),
    )
    expect(await page.locator('.next').innerText()).toMatch(/The next attempt is within .*second/)
    await page.screenshot({ path: `${shots}gone.png` })
    server = await startServer(server.port)
    await untilConnected(page, 20_000)
    const before = await tableOf(page)
    const after = await eventually(
      () => tableOf(page),
      (table) => table['lab'] !== undefined && table['lab'] !== before['lab'],
    )
    expect(after['lab']).toMatch(/%$/)
    await leave(opened)
    await untilConnected(patient.page, 20_000)
    await leave(patient)
  })
})
