import { isTime } from './times.js'
import type { HistoryEvent } from './workload-history.js'

/** RecordingGap is a time in which a node recorded nothing. Both times are RFC 3339 in UTC. */
export interface RecordingGap {
  from: string
  to: string
}

const clock = (time: string): string => time.slice(11, 19)

/** The newest gaps of a node that are kept and shown. */
export const mostGaps = 16

/** Returns `between 12:01:03 and 12:01:40 UTC`, with days where they differ. */
export function betweenText({ from, to }: RecordingGap): string {
  const isSameDay = from.slice(0, 10) === to.slice(0, 10)
  const [begin, end] = isSameDay
    ? [clock(from), clock(to)]
    : [from, to].map((one) => `${one.slice(0, 10)} ${clock(one)}`)
  return `between ${begin} and ${end} UTC`
}

/** Returns the sentence about a gap that history, `secco ps` and the pages have. */
export function gapText(gap: RecordingGap): string {
  return `calls ${betweenText(gap)} were not recorded`
}

/** The clock of a node may be ahead of the hub's by so much. */
const clockSkewMs = 60_000

/**
 * Returns the newest gaps that a node reported, oldest first, in a form that can be shown.
 * @param now in ms: a gap in the future is none
 */
export function knownGaps(gaps: readonly RecordingGap[], now: number): RecordingGap[] {
  const latest = new Date(now + clockSkewMs).toISOString()
  return gaps
    .slice(-mostGaps)
    .filter(({ from, to }) => isTime(from) && isTime(to) && from <= to && to <= latest)
    .map(({ from, to }) => ({ from, to }))
}

/** Returns the gaps in the life of something that ran from `began` until `ended`. */
export function gapsWithin(
  gaps: readonly RecordingGap[],
  began: string,
  ended?: string
): RecordingGap[] {
  return gaps.filter(({ from, to }) => began < to && (ended === undefined || ended > from))
}

/** Returns the event of the installation's history about a gap of a node. */
export function gapEvent(node: string, gap: RecordingGap): HistoryEvent {
  const { from, to } = gap
  return { id: `gap ${node} ${from} ${to}`, at: from, what: 'secco', text: gapText(gap) }
}

/** Returns the node and the gap that an event is about; undefined for other events. */
export function gapOfEvent({ id }: HistoryEvent): (RecordingGap & { node: string }) | undefined {
  const [kind, node = '', from = '', to = ''] = id.split(' ')
  return kind === 'gap' ? { node, from, to } : undefined
}
