import type { Hello } from '../../../src/api/gen/hub.js'
import { gapEvent } from '../../../src/history/recording-gap.js'
import { earlierTime, isTime } from '../../../src/history/times.js'
import type { HistoryEvent, WorkloadHistory } from '../../../src/history/workload-history.js'
import { version } from '../../../src/lib/version.js'
import { gapsOfNode } from '../nodes/node-gaps.js'

const texts = {
  started: { text: 'hub started', ended: 'killed' },
  active: { text: 'hub took over', ended: 'killed or cut off' },
  stopped: { text: 'hub stopped', ended: '' }
} as const

/** Returns the last event of an active hub in the installation's history. */
export function lastHubEvent({ events }: WorkloadHistory): HistoryEvent | undefined {
  return events.filter(({ id }) => id.startsWith('hub ')).at(-1)
}

/**
 * Returns the event of a hub that started, became the active one, or stops by itself.
 * @param last the last event of the hub before, which says so unless that hub stopped by itself
 * @param sign when that hub was last known to run; empty: not known
 */
export function hubEvent(
  what: keyof typeof texts,
  at: string,
  last?: HistoryEvent,
  sign = ''
): HistoryEvent {
  const { text, ended } = texts[what]
  const isSaid = ended === '' || last === undefined || last.id.endsWith(' stopped')
  const since = sign === '' ? '' : ` after ${sign.slice(0, 19).replace('T', ' ')} UTC`
  const before = isSaid ? '' : `; the one before was ${ended}${since}`
  return { id: `hub ${at} ${what}`, at, what: 'secco', text: `${text}, ${version}${before}` }
}

/** Returns the start of a satellite, and the times in which its node recorded nothing. @param now in milliseconds */
export function satelliteEvents(
  { node, version: theirs, startedAt = '', status }: Hello,
  now: number
): HistoryEvent[] {
  // A satellite of an earlier release does not report it, and a connection is no start.
  if (!isTime(startedAt)) return []
  const text = `satellite started on ${node}, ${theirs.slice(0, 64)}`
  // Its clock may be ahead.
  const at = earlierTime(startedAt, new Date(now).toISOString())
  const gaps = gapsOfNode(status, now).map((gap) => gapEvent(node, gap))
  return [{ id: `satellite ${node} ${startedAt}`, at, what: 'secco', text }, ...gaps]
}
