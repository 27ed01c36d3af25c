import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { idsOf, openFleet, signatureCalls } from './container-fleet.js'
import { cpuSeconds, residentMb, startRig, watchMemory } from './satellite-rig.js'
import { lossesOf } from './soak.js'

const staying = 1000
const startsAMinute = 1000
const idleMs = 30_000
/** Ready by age after 30 s (phases.ts); of what is new then the third look for blocked calls after 71 s (slot-intervals.ts). */
const settledMs = 105_000
const limits = { memoryMb: 100, churnShare: 1 }
/** Each answer tells of all live and of 512 ended containers. */
const askEveryMs = 2000
/** Starts at once while the fleet comes up: more would only wait for the two CPUs. */
const atOnce = 8

/** CPU of the satellite and its helpers in a part of the run. */
interface Spent {
  seconds: number
  /** Percent of one core. */
  share: number
}

export interface ChurnResult {
  staying: number
  /** While the containers that stay are started, and until nothing new is looked for in them: not judged. */
  settling: Spent
  /** All of it, from the first container to the last answer. */
  whole: Spent
  idleSeconds: number
  churnSeconds: number
  /** Percent of one core with nothing but live containers. */
  idleShare: number
  /** The same while containers start and end, and how many a minute that were. */
  churnShare: number
  startsAMinute: number
  /** CPU milliseconds per container that came and went, the idle share taken off. */
  msPerStart: number
  /** Resident, helpers included: at the end, and the most of all looks, one each second of the whole run. */
  memoryMb: number
  mostMb: number
  lost: number
  /** Of the last 200 that came and went: those whose whole set the satellite does not have. */
  unseen: number
}

/** The satellite with 1,000 live runc containers, idle and while 1,000 a minute come and go. */
export async function churn(
  say: (line: string) => void,
  nodeOptions: readonly string[] = []
): Promise<ChurnResult> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-churn-'))
  const fleet = await openFleet(folder, 'default/churn')
  const rig = await startRig({ runcRoots: [fleet.root], nodeOptions })
  const idOf = idsOf('churn')
  const maskOf = (n: number): number => n % 2 ** signatureCalls.length
  const memory = watchMemory(rig.pid)
  /** From here on; asked again: to there. */
  const spending = async (): Promise<() => Promise<Spent>> => {
    const [before, begin] = [await cpuSeconds(rig.pid), performance.now()]
    return async () => {
      const seconds = (performance.now() - begin) / 1000
      return { seconds, share: (((await cpuSeconds(rig.pid)) - before) / seconds) * 100 }
    }
  }
  const spent = async (work: () => Promise<void>): Promise<Spent> => {
    const until = await spending()
    await work()
    return until()
  }
  try {
    const whole = await spending()
    let next = 0
    const settling = await spent(async () => {
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          while (next < staying) {
            const n = next++
            await fleet.stay(idOf(n), maskOf(n))
          }
        })
      )
      say(
        `${staying} containers live; the satellite has ${(await residentMb(rig.pid)).toFixed(1)} MB`
      )
      await delay(settledMs)
    })
    const { share: idleShare, seconds: idleSeconds } = await spent(async () => {
      await delay(idleMs)
    })
    say(`idle: ${idleShare.toFixed(2)} % of a core`)
    let started = 0
    const begin = performance.now()
    const { share: churnShare, seconds: churnSeconds } = await spent(async () => {
      const pending = new Set<Promise<void>>()
      while (started < startsAMinute) {
        const id = idOf(next)
        const work = fleet.live(id, maskOf(next)).then(() => undefined)
        next += 1
        started += 1
        pending.add(work)
        void work.finally(() => pending.delete(work))
        const due = begin + (started * 60_000) / startsAMinute
        await delay(Math.max(0, due - performance.now()))
      }
      await Promise.all(pending)
    })
    const minutes = churnSeconds / 60
    const { lost } = await lossesOf(rig)
    const ended = Array.from({ length: 200 }, (_, n) => idOf(next - 1 - n))
    const seen = new Set<string>()
    const until = performance.now() + 30_000
    while (seen.size < ended.length && performance.now() < until) {
      for (const { container, ended: gone, complete } of await rig.containers()) {
        if (gone && complete && ended.includes(container)) seen.add(container)
      }
      await delay(askEveryMs)
    }
    return {
      staying,
      settling,
      whole: await whole(),
      idleSeconds,
      churnSeconds,
      idleShare,
      churnShare,
      startsAMinute: started / minutes,
      msPerStart: ((churnShare - idleShare) / 100) * ((minutes * 60_000) / started),
      memoryMb: await residentMb(rig.pid),
      mostMb: await memory.stop(),
      lost,
      unseen: ended.length - seen.size
    }
  } finally {
    await memory.stop().catch(() => undefined)
    await rig.close()
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function part(name: string, { seconds, share }: Spent, limit?: number): string {
  return `| ${name} | ${seconds.toFixed(0)} | ${share.toFixed(2)} | ${limit ?? 'none'} |`
}

/** `bench churn`. */
export async function benchChurn(args: {
  json: boolean
}): Promise<{ text: string; holds: boolean }> {
  // Such as `--import FILE` of something that profiles. Not --cpu-prof: the verifier gives up a program whose
  // loader is signalled (EAGAIN).
  const nodeOptions = (process.env['SECCO_BENCH_NODE_OPTIONS'] ?? '').split(' ').filter(Boolean)
  const result = await churn((line) => process.stderr.write(`${line}\n`), nodeOptions)
  const { settling, whole, idleSeconds, churnSeconds } = result
  const table = [
    '| live containers | idle, % of a core | starts a minute | under churn, % of a core ' +
      '| CPU per start, ms | RSS, MB | most, MB | lost | unseen |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    `| ${result.staying} | ${result.idleShare.toFixed(2)} | ` +
      `${result.startsAMinute.toFixed(0)} | ${result.churnShare.toFixed(2)} | ` +
      `${result.msPerStart.toFixed(2)} | ${result.memoryMb.toFixed(1)} | ` +
      `${result.mostMb.toFixed(1)} | ${result.lost} | ${result.unseen} |`,
    '',
    '| part of the run | seconds | % of a core | limit |',
    '| --- | --- | --- | --- |',
    part(
      `${result.staying} containers started, then ${settledMs / 1000} s until nothing new is looked for`,
      settling
    ),
    part('idle', { seconds: idleSeconds, share: result.idleShare }),
    part('churn', { seconds: churnSeconds, share: result.churnShare }, limits.churnShare),
    part('the whole run, asking for what ended included', whole)
  ]
  const text = args.json ? JSON.stringify(result, undefined, 2) : table.join('\n')
  const holds =
    result.mostMb <= limits.memoryMb &&
    result.churnShare <= limits.churnShare &&
    result.lost + result.unseen === 0
  return { text: `${text}\n`, holds }
}
