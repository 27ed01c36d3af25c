import { gapOfEvent } from './recording-gap.js'
import { earlierTime, laterTime } from './times.js'
import type { HistoryEvent, HistoryStart, WorkloadHistory } from './workload-history.js'

/** RunningNow is what is known of the containers that run now. */
export interface RunningNow {
  /** In ms. */
  at: number
  /** The id of the boot of a connected node; undefined for others. */
  bootOf: (node: string) => string | undefined
  /** Whether a container of this id runs on the node. */
  isRunning: (node: string, container: string) => boolean
}

/** A satellite that started has listed the containers of its node by then. */
const listedMs = 10_000

/** Returns when the satellites of a node started. */
function startsOn(node: string, events: readonly HistoryEvent[]): string[] {
  return events.flatMap(({ id, at }) => (id.startsWith(`satellite ${node} `) ? at : []))
}

/** Returns whether the satellite of a node has run for a while. */
function isSettled(node: string, events: readonly HistoryEvent[], at: number): boolean {
  return startsOn(node, events).every((started) => at - Date.parse(started) > listedMs)
}

/** Returns when a run was last known to make calls. */
function lastSign({ calls, denials }: WorkloadHistory, start: HistoryStart): string {
  const isOf = (instance: string): boolean => instance.startsWith(`${start.run}.`)
  const times = [
    ...calls.filter(({ run }) => run === start.run).map(({ at }) => at),
    ...denials.filter(({ instance }) => isOf(instance)).map(({ last }) => last)
  ]
  return times.reduce(laterTime, start.at)
}

/** Returns the time in which a run ended while nobody saw it: in a gap of its node, or when the node was booted. */
function unseenEnd(
  { node, run }: HistoryStart,
  sign: string,
  events: readonly HistoryEvent[],
  boot: string
): { after: string; before: string } | undefined {
  const [, ofRun = ''] = run.split('/')
  if (ofRun !== boot) {
    // No start says of which boot it is; the newest is of the boot that runs now.
    const before = startsOn(node, events).reduce(laterTime, '')
    return before > sign ? { after: sign, before } : undefined
  }
  // A container that makes no new call gives no sign: it may have lived on beyond the first of several gaps.
  const gaps = events
    .flatMap((event) => gapOfEvent(event) ?? [])
    .filter((one) => one.node === node && one.to > sign)
  if (gaps.length === 0) return undefined
  return {
    after: laterTime(sign, gaps.map(({ from }) => from).reduce(earlierTime)),
    before: gaps.map(({ to }) => to).reduce(laterTime)
  }
}

/**
 * Returns a history in which starts that have no end, although their container no longer runs, say between which times it
 * ended. What is reported later is more precise. Pure.
 */
export function withUnseenEnds(
  history: WorkloadHistory,
  installation: WorkloadHistory | undefined,
  now: RunningNow
): WorkloadHistory {
  const { events = [] } = installation ?? {}
  const starts = history.starts.map((start) => {
    const { node, container, ended } = start
    const boot = now.bootOf(node)
    if (ended !== undefined || container === undefined || boot === undefined) return start
    if (now.isRunning(node, container) || !isSettled(node, events, now.at)) return start
    const end = unseenEnd(start, lastSign(history, start), events, boot)
    return end === undefined ? start : { ...start, ended: end.before, endedAfter: end.after }
  })
  return { ...history, starts }
}
