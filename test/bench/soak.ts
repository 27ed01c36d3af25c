import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TraceUpdate } from '../../src/api/gen/satellite.js'
import { idsOf, openFleet, signatureCalls, signatureOf } from './container-fleet.js'
import { cpuSeconds, residentMb, type SatelliteRig, startRig } from './satellite-rig.js'

/** A new container this often; each lives for a moment. */
const everyMs = 500
/** Beside them, so many that stay for a minute. */
const staying = 20
const sampleMs = 5000
/** The first minutes fill V8's heap and are not part of the slope. */
const warmUpMinutes = 5
const slopeLimit = 1

export interface SoakResult {
  minutes: number
  containers: number
  /** Containers whose end the satellite never reported. */
  unseen: number
  /** Containers with a set that is not theirs, or that is not said to be complete. */
  wrong: number
  /** Containers without a slot and runs of the hook that the kernel skipped. */
  lost: number
  /** Other losses, of every container of the machine. */
  others: Record<string, number>
  /**
   * Containers that are not this bench's: those that the satellite reported, and those that it could not name, for all of
   * this bench's were reported where none is unseen. Without any the other losses are this bench's own.
   */
  strangers: number
  /** MB per 10 minutes, by least squares over the samples after the warm-up. */
  slope: number
  /** The same over all samples, and over those of the second half. */
  slopeOfAll: number
  slopeOfSecondHalf: number
  firstMb: number
  lastMb: number
  cpuShare: number
  /** Ended instances, others' too, that left the satellite's list before it was asked again, at most. */
  forgotten: number
}

/** Slope of the least-squares line through (x, y). */
export function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(([at]) => at))
  const y = mean(points.map(([, value]) => value))
  const up = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0)
  return up / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
}

export interface Losses {
  lost: number
  others: Record<string, number>
}

/** What the satellite says it lost, as the hub shows it. */
export async function lossesOf(rig: SatelliteRig): Promise<Losses> {
  const node = await rig.node()
  if (node === undefined) throw new Error('the hub does not know the satellite')
  const { tableFull, recursionMisses, ...others } = node.losses
  return { lost: tableFull + recursionMisses, others }
}

/** Is this the set of a container that was started with this signature, from its beginning? */
export function isOwnSet(update: TraceUpdate, mask: number): boolean {
  const counts = update.abis.find(({ abi }) => abi === 'x86_64')?.counts ?? {}
  const marks = signatureCalls.filter((name) => name in counts).sort()
  const isKnown = !('syscall_unknown' in counts)
  return update.complete && isKnown && String(marks) === String(signatureOf(mask))
}

/** The satellite under container churn for a while: does its memory grow, does it lose anything? */
export async function soak(minutes: number, say: (line: string) => void): Promise<SoakResult> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-soak-'))
  const fleet = await openFleet(folder, 'default/soak')
  const rig = await startRig({ runcRoots: [fleet.root] })
  const idOf = idsOf('soak')
  const begin = performance.now()
  const passed = (): number => (performance.now() - begin) / 60_000
  const samples: [number, number][] = []
  /** Ended, and not yet seen in the satellite's own list of what ended lately. */
  const awaited = new Map<string, number>()
  const masks = new Map<string, number>()
  const own = idOf(0).replace(/0$/, '')
  const strangers = new Set<string>()
  let [started, unseen, wrong, toldMinute] = [0, 0, 0, 0]
  let [mostForgotten, endedBefore] = [0, 0]
  const startCpu = await cpuSeconds(rig.pid)
  const long: string[] = []

  const checkSeen = async (): Promise<void> => {
    const before = rig.forgotten()
    const all = await rig.containers()
    // What ended before the last look and left since was seen then.
    mostForgotten = Math.max(mostForgotten, rig.forgotten() - before - endedBefore)
    endedBefore = all.filter(({ ended }) => ended).length
    for (const one of all) {
      if (!one.container.startsWith(own)) strangers.add(one.container)
      if (!one.ended || !awaited.delete(one.container)) continue
      const mask = masks.get(one.container) ?? 0
      masks.delete(one.container)
      if (isOwnSet(one, mask)) continue
      wrong += 1
      say(`not its own set: ${JSON.stringify(one)}`)
    }
    for (const [id, at] of awaited) {
      if (performance.now() - at < 30_000) continue
      awaited.delete(id)
      unseen += 1
      say(`never reported: ${id}`)
    }
  }
  const sample = async (): Promise<void> => {
    await checkSeen()
    samples.push([passed(), await residentMb(rig.pid)])
    const minute = Math.floor(passed())
    if (minute === toldMinute) return
    toldMinute = minute
    const share = (((await cpuSeconds(rig.pid)) - startCpu) / (passed() * 60)) * 100
    const mb = samples.at(-1)?.[1] ?? 0
    say(
      `minute ${minute}: ${started} containers, ${mb.toFixed(1)} MB, ${share.toFixed(2)} % ` +
        `of a core, ${JSON.stringify(await lossesOf(rig))}, unseen ${unseen}, wrong ${wrong}`
    )
  }
  try {
    const pending = new Set<Promise<void>>()
    let sampledAt = 0
    while (passed() < minutes) {
      const id = idOf(started)
      const mask = started % 2 ** signatureCalls.length
      started += 1
      masks.set(id, mask)
      const stays = started % 6 === 0
      const work = (stays ? fleet.stay(id, mask) : fleet.live(id, mask).then(() => undefined)).then(
        async () => {
          if (stays) long.push(id)
          else awaited.set(id, performance.now())
          const oldest = long.length > staying ? long.shift() : undefined
          if (oldest === undefined) return
          await fleet.end(oldest)
          awaited.set(oldest, performance.now())
        }
      )
      pending.add(work)
      void work.finally(() => pending.delete(work))
      if (performance.now() - sampledAt > sampleMs) {
        sampledAt = performance.now()
        await sample()
      }
      await delay(everyMs)
    }
    await Promise.all(pending)
    const losses = await lossesOf(rig)
    for (const id of long) {
      await fleet.end(id)
      awaited.set(id, performance.now())
    }
    const limit = performance.now() + 30_000
    while (awaited.size > 0 && performance.now() < limit) {
      await delay(250)
      await checkSeen()
    }
    unseen += awaited.size
    const warm = samples.filter(([at]) => at >= Math.min(warmUpMinutes, minutes / 3))
    return {
      minutes,
      containers: started,
      unseen,
      wrong,
      ...losses,
      strangers: strangers.size + (losses.others['unidentified'] ?? 0),
      slope: slopeOf(warm) * 10,
      slopeOfAll: slopeOf(samples) * 10,
      slopeOfSecondHalf: slopeOf(samples.filter(([at]) => at >= minutes / 2)) * 10,
      firstMb: warm[0]?.[1] ?? 0,
      lastMb: warm.at(-1)?.[1] ?? 0,
      forgotten: mostForgotten,
      cpuShare: (((await cpuSeconds(rig.pid)) - startCpu) / (passed() * 60)) * 100
    }
  } finally {
    await rig.close()
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  }
}

export function soakHolds(result: SoakResult): boolean {
  const { slope, lost, unseen, wrong, strangers, others } = result
  const noneOther = Object.values(others).every((count) => count === 0)
  return slope < slopeLimit && lost + unseen + wrong === 0 && (strangers > 0 || noneOther)
}

/** `bench soak [--minutes N]`: a line a minute on stderr, the result on stdout. */
export async function benchSoak(args: {
  minutes: number
  json: boolean
}): Promise<{ text: string; holds: boolean }> {
  const result = await soak(args.minutes, (line) => process.stderr.write(`${line}\n`))
  const { slopeOfAll, slopeOfSecondHalf } = result
  const { minutes, containers, slope, firstMb, lastMb, lost, others, unseen, wrong, cpuShare } =
    result
  const table = [
    '| minutes | containers | RSS at first, MB | RSS at last, MB | slope, MB per 10 min ' +
      '| over all, warm-up included | second half alone | lost | unseen | wrong sets | ' +
      'other losses, of all containers | containers of others | share of a core | left the ' +
      'list unseen |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    `| ${minutes} | ${containers} | ${firstMb.toFixed(1)} | ${lastMb.toFixed(1)} | ` +
      `${slope.toFixed(2)} | ${slopeOfAll.toFixed(2)} | ${slopeOfSecondHalf.toFixed(2)} | ` +
      `${lost} | ${unseen} | ${wrong} | ${JSON.stringify(others)} | ${result.strangers} | ` +
      `${cpuShare.toFixed(2)} % | ${result.forgotten} |`
  ]
  const text = args.json ? JSON.stringify(result, undefined, 2) : table.join('\n')
  return { text: `${text}\n`, holds: soakHolds(result) }
}
