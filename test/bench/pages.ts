import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { addressesOf } from '../browser/addresses.js'
import { cityKey } from '../browser/city.js'
import { firstPaint, logIn, openBrowser } from '../browser/rig.js'
import type { Ask, Ready, Used } from './pages-server.js'
import type { BenchRow } from './row.js'

const liveMs = 20_000

function rowOf(name: string, unit: string, values: readonly number[]): BenchRow {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    ...{ case: name, unit, rounds: values.length, ratio: {} },
    ...{ min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 }
  }
}

/** Bytes over the wire of a page and of everything that it loads, as a proxy would compress them. */
async function weightOf(page: Page, address: string): Promise<number> {
  let sum = 0
  const counted: Promise<void>[] = []
  const count = (response: { url(): string; body(): Promise<Buffer> }) => {
    if (response.url().endsWith('/changes')) return
    counted.push(response.body().then((body) => void (sum += gzipSync(body).length)))
  }
  page.on('response', count)
  await page.goto(address)
  page.off('response', count)
  await Promise.all(counted)
  return sum / 1024
}

/** Every page with 1,000 workloads and 100,000 containers; then one that follows 50 denials a second. */
export async function benchPages(options: { rounds: number }): Promise<BenchRow[]> {
  const server = fork(fileURLToPath(new URL('./pages-server.js', import.meta.url)))
  const browser = await openBrowser()
  try {
    const [ready] = (await once(server, 'message')) as [Ready]
    const { page, context } = await logIn(browser, ready.link)
    const [cookie] = await context.cookies()
    const headers = { cookie: `${cookie?.name ?? ''}=${cookie?.value ?? ''}` }
    // What lists show of each workload is worked out in the background once.
    await delay(30_000)
    const rows: BenchRow[] = []
    for (const [name, path] of Object.entries(addressesOf(cityKey, 'read'))) {
      const address = `${ready.origin}${path}`
      const [paints, answers]: [number[], number[]] = [[], []]
      for (let round = 0; round < options.rounds; round += 1) {
        const from = performance.now()
        await (await fetch(address, { headers })).arrayBuffer()
        answers.push(performance.now() - from)
        await page.goto(address)
        paints.push(await page.evaluate<number>(firstPaint))
      }
      rows.push(
        rowOf(`${name}: first contentful paint`, 'ms', paints),
        rowOf(`${name}: answer of the server`, 'ms', answers),
        rowOf(`${name}: with all that it loads, gzip`, 'KB', [await weightOf(page, address)])
      )
    }
    const ask = async (what: Ask): Promise<number> => {
      server.send(what)
      if (what !== 'cpu') return 0
      const [{ cpuMs }] = (await once(server, 'message')) as [Used]
      return cpuMs
    }
    await page.goto(`${ready.origin}/denials`)
    await ask('flood')
    await delay(3000)
    const shares: number[] = []
    const [from, cpu] = [performance.now(), await ask('cpu')]
    await delay(liveMs)
    shares.push((100 * ((await ask('cpu')) - cpu)) / (performance.now() - from))
    await ask('calm')
    rows.push(rowOf('denials page open, 50 denials a second: share of a core', '%', shares))
    return rows
  } finally {
    await browser.close()
    server.disconnect()
  }
}
