import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { repositoryRoot } from '../helpers/repository.js'
import { idsOf, openFleet, signatureCalls, type Fleet } from './container-fleet.js'
import type * as rigs from './satellite-rig.js'

const staying = 300
const startEveryMs = 60
const settleMs = 40_000
const partMs = 30_000
const atOnce = 8

/** Seconds of CPU: of the thread that runs JavaScript, and of all others together. */
interface Spent {
  main: number
  others: number
}

/** By schedstat, which counts nanoseconds; stat's ticks of 10 ms are too coarse for half a minute. */
async function spentBy(pid: number): Promise<Spent> {
  const spent = { main: 0, others: 0 }
  for (const tid of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').catch(() => '0')
    spent[Number(tid) === pid ? 'main' : 'others'] += Number(text.split(' ')[0]) / 1e9
  }
  return spent
}

async function fill(fleet: Fleet, idOf: (n: number) => string): Promise<void> {
  let next = 0
  const one = async () => {
    for (let n = next++; n < staying; n = next++) await fleet.stay(idOf(n), 1)
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

/** Containers come and go until the end is told; that resolves when the last one is over. */
function keepComing(fleet: Fleet, idOf: (n: number) => string): () => Promise<void> {
  const pending = new Set<Promise<void>>()
  const state: { ended: boolean; failure?: Error } = { ended: false }
  const begin = performance.now()
  const live = async (n: number): Promise<void> => {
    try {
      await fleet.live(idOf(staying + n), n % 2 ** signatureCalls.length)
    } catch (error) {
      state.failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }
  const coming = (async () => {
    for (let n = 0; !state.ended; n += 1) {
      const work = live(n)
      pending.add(work)
      void work.then(() => pending.delete(work))
      await delay(Math.max(0, begin + (n + 1) * startEveryMs - performance.now()))
    }
    await Promise.all(pending)
  })()
  return async () => {
    state.ended = true
    await coming
    if (state.failure !== undefined) throw state.failure
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/**
 * `bench churn-beside --beside CHECKOUT`: satellites of two builds follow the same containers at the same time, so that what the
 * machine gives them is the same. Without another checkout: this one twice, which shows what chance does.
 */
export async function benchChurnBeside(args: {
  minutes: number
  json: boolean
  beside?: string
}): Promise<{ text: string; holds: boolean }> {
  const other = resolve(args.beside ?? repositoryRoot)
  const path = join(other, 'build/test/bench/satellite-rig.js')
  if (!existsSync(path)) {
    throw new Error(`--beside ${other}: not built; run bin/setup bench there`)
  }
  const builds = [await import('./satellite-rig.js'), await import(path)] as (typeof rigs)[]
  const folder = await mkdtemp(join(tmpdir(), 'secco-beside-'))
  const fleet = await openFleet(folder, 'default/churn')
  const idOf = idsOf('beside')
  const running: rigs.SatelliteRig[] = []
  const rows: [Spent, Spent][] = []
  let end = () => Promise.resolve()
  try {
    for (const { startRig } of builds) {
      running.push(await startRig({ runcRoots: [fleet.root] }))
    }
    await fill(fleet, idOf)
    process.stderr.write(`${staying} containers live, both are settling\n`)
    await delay(settleMs)
    end = keepComing(fleet, idOf)
    const all = () => Promise.all(running.map(({ pid }) => spentBy(pid)))
    let before = await all()
    for (let part = 0; part < (args.minutes * 60_000) / partMs; part += 1) {
      await delay(partMs)
      const now = await all()
      const share = (spent: Spent | undefined, from: Spent | undefined): Spent => ({
        main: (((spent?.main ?? 0) - (from?.main ?? 0)) / partMs) * 100_000,
        others: (((spent?.others ?? 0) - (from?.others ?? 0)) / partMs) * 100_000
      })
      rows.push([share(now[0], before[0]), share(now[1], before[1])])
      before = now
    }
    await end()
  } finally {
    // Of what failed before this the caller hears.
    await end().catch(() => undefined)
    for (const rig of running) await rig.close()
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  }
  const sum = ({ main, others }: Spent): number => main + others
  const cell = (spent: Spent): string =>
    `${sum(spent).toFixed(2)} (${spent.main.toFixed(2)} + ${spent.others.toFixed(2)})`
  const ratios = rows.map(([own, their]) => sum(own) / sum(their))
  const table = [
    '| part | this build, % of a core (main thread + others) | the other | ratio |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      ([own, their], at) =>
        `| ${at + 1} | ${cell(own)} | ${cell(their)} | ${(ratios[at] ?? 0).toFixed(3)} |`
    ),
    `| median | | | ${median(ratios).toFixed(3)} |`
  ]
  const text = args.json ? JSON.stringify({ rows, ratios }, undefined, 2) : table.join('\n')
  return { text: `${text}\n`, holds: true }
}
