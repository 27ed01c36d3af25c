import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { repositoryRoot } from '../helpers/repository.js'
import type { Webhook } from '../helpers/admit.js'
import { spawnSecco } from '../helpers/secco-command.js'
import { uiToken } from '../helpers/state-folder.js'
import { until } from '../helpers/until.js'
import { removeUpPins } from '../helpers/up-recorder.js'

/** Where every page is kept as a picture, for people to look at. */
export const pictures = join(repositoryRoot, 'build', 'pictures')

export async function openBrowser(): Promise<Browser> {
  await mkdir(join(pictures, 'docs'), { recursive: true })
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  })
}

export interface RunningSecco extends Webhook {
  state: string
  ui: string
  /** The link that was printed at its start. */
  link: string
  token: string
  stop: () => Promise<void>
  /** Kills it with SIGKILL, and starts it again on its state folder: address, link and token are others then. */
  restart: () => Promise<void>
}

interface Printed extends Webhook {
  ui: string
  link: string
}

/** `secco up` on a state folder of its own. */
export async function startSecco(): Promise<RunningSecco> {
  const state = await mkdtemp(join(tmpdir(), 'secco-browser-'))
  const any = '127.0.0.1:0'
  const args = [
    '--listen',
    any,
    '--hub-listen',
    any,
    '--ui-listen',
    any,
    '--runc-root',
    join(state, 'none')
  ]
  let running: Started | undefined
  const end = async (signal: 'SIGINT' | 'SIGKILL') => {
    running?.child.kill(signal)
    await running?.ended
  }
  const start = async (): Promise<Omit<RunningSecco, 'stop' | 'restart'>> => {
    running = startUp(['up', '-o', 'json', '--state', state, ...args])
    return { state, ...(await running.printed), token: await uiToken(state) }
  }
  const clean = async () => {
    removeUpPins(state)
    await rm(state, { recursive: true, force: true })
  }
  try {
    const secco: RunningSecco = {
      ...(await start()),
      stop: async () => {
        await end('SIGINT')
        await clean()
      },
      restart: async () => {
        await end('SIGKILL')
        Object.assign(secco, await start())
      }
    }
    return secco
  } catch (error) {
    await end('SIGKILL')
    removeUpPins(state)
    throw error
  }
}

interface Started {
  child: ReturnType<typeof spawnSecco>
  ended: Promise<void>
  printed: Promise<Printed>
}

/** Starts `secco up`, and reads what it prints once it is ready. */
function startUp(args: readonly string[]): Started {
  const child = spawnSecco([...args])
  let [said, logged] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (logged += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const printed = until(
    'secco up',
    () => {
      if (child.exitCode !== null) throw new Error(logged)
      return said.includes('\n') ? (JSON.parse(said) as Printed) : undefined
    },
    { timeoutMs: 90_000 }
  )
  return { child, ended, printed }
}

/** A context that is logged in, and complains of everything that the browser complains of. */
export async function logIn(
  browser: Browser,
  link: string,
  options: Parameters<Browser['newContext']>[0] = {}
): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(90_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || /content security policy/i.test(message.text()))
      complaints.push(`${page.url()}: ${message.text()}`)
  })
  await page.goto(link)
  // The page after the link goes on by itself, with scripts or without.
  await page.waitForURL(new URL('/', link).href)
  return { context, page, complaints }
}

/** In a page: when its first thing was seen, ms since the navigation began. */
export const firstPaint = `new Promise((done) => {
  const find = () => {
    const [one] = performance.getEntriesByName('first-contentful-paint')
    one ? done(one.startTime) : setTimeout(find, 10)
  }
  find()
})`

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let axeSource: string | undefined

interface Violation {
  id: string
  nodes: { html: string; failureSummary?: string }[]
}

/** What axe finds wrong with a page, each with its first places; nothing when all is well. */
export async function violationsOf(page: Page): Promise<string[]> {
  axeSource ??= await readFile(axePath, 'utf8')
  await page.evaluate(axeSource)
  const found = await page.evaluate(
    'axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations)'
  )
  return (found as Violation[]).map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(
          ({ html, failureSummary = '' }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`
        )
        .join(' | ')}`
  )
}

/** Of these the beginning is kept for the README and the guides (`npm run pictures` copies them). */
const shownInDocs = new Set(['fleet', 'workload', 'review', 'denials', 'trace'])

/** The page in light and in dark, as files; its full height, but no more than some screens of it. */
export async function picture(page: Page, name: string): Promise<void> {
  // The header sticks to where the page is scrolled to: it belongs to the top.
  await page.evaluate('scrollTo(0, 0)')
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.screenshot({ path: join(pictures, `${name}-${scheme}.png`), fullPage: true })
  }
  await page.emulateMedia({ colorScheme: 'light' })
  if (!shownInDocs.has(name)) return
  const before = page.viewportSize()
  await page.setViewportSize({ width: 1200, height: 700 })
  await page.screenshot({ path: join(pictures, 'docs', `${name}.png`) })
  if (before !== null) await page.setViewportSize(before)
}
