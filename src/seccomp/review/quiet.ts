import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { durationText } from '../../lib/duration.js'
import { entryInstances, lastNewMs, withoutFailedRuns } from './counted-instances.js'
import { beganAt, livesOf, type NodeLoss } from './lost-calls.js'
import { leastInstances } from './unseen.js'

/** Quiet is how long nothing new was seen, and how much of that time the workload was recorded. */
export interface Quiet {
  /** Time since something new was last seen, in ms; undefined where nothing was ever seen. */
  forMs: number | undefined
  /** Part of `forMs` in which at least one instance ran and its node recorded, in ms. */
  recordedMs: number
  /** Instances that began in that time and were recorded from their first instruction. */
  began: number
}

/** Recorded time may lack so much of the whole without being spoken of: reports are that late. */
const toleranceMs = 60_000

interface Span {
  from: number
  to: number
}

/** Returns what is left of a span without the time of gaps. */
function withoutGaps(span: Span, gaps: readonly Span[]): Span[] {
  return gaps.reduce<Span[]>(
    (left, gap) =>
      left.flatMap(({ from, to }) =>
        [
          { from, to: Math.min(to, gap.from) },
          { from: Math.max(from, gap.to), to }
        ].filter((one) => one.from < one.to)
      ),
    [span]
  )
}

/** Returns the length of the union of spans, in ms. */
function lengthOf(spans: readonly Span[]): number {
  let [total, end] = [0, Number.NEGATIVE_INFINITY]
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    if (to <= end) continue
    total += to - Math.max(from, end)
    end = to
  }
  return total
}

/**
 * Returns how long nothing new was seen of a workload, and how long it was recorded in that time: a workload that does not run
 * shows nothing new. Pure; `now` in ms.
 * @param nodes what nodes did not record; undefined where nobody knows
 */
export function quietOf(
  profile: SeccompProfile,
  now: number,
  nodes: readonly NodeLoss[] = []
): Quiet {
  const last = lastNewMs(profile)
  if (last === undefined) return { forMs: undefined, recordedMs: 0, began: 0 }
  const gaps = (node: string) =>
    nodes
      .filter(({ name }) => name === node)
      .flatMap((one) => one.gaps)
      .map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
  const instances = withoutFailedRuns(profile.status?.instances ?? [])
  const spans = livesOf(instances).flatMap(({ node, from, to }) => {
    const span = { from: Math.max(last, Date.parse(from)), to: to ? Date.parse(to) : now }
    return span.from < span.to ? withoutGaps(span, gaps(node)) : []
  })
  const began = entryInstances(profile).filter(
    (one) => one.complete && Date.parse(beganAt(one)) > last
  )
  return { forMs: now - last, recordedMs: lengthOf(spans), began: began.length }
}

/** Returns the same in words. */
export function quietText({ forMs, recordedMs }: Quiet): string {
  if (forMs === undefined) return 'nothing new was ever seen'
  const text = `nothing new for ${durationText(forMs)}`
  if (forMs - recordedMs < toleranceMs) return text
  return recordedMs === 0
    ? `${text}, in which it did not run while its node recorded`
    : `${text}, recorded for ${durationText(recordedMs)} of it`
}

/**
 * Returns whether nothing new came for so long, and the workload was recorded in that time: as long, or in as many whole runs as an
 * estimate needs. A job that runs for a minute every night would else never be quiet.
 */
export function isQuietFor({ forMs, recordedMs, began }: Quiet, wantedMs: number): boolean {
  if (forMs === undefined || forMs < wantedMs) return false
  return recordedMs >= wantedMs - toleranceMs || began >= leastInstances
}
