import { laterTime } from '../../../src/history/times.js'
import type { HistoryEvent, WorkloadHistory } from '../../../src/history/workload-history.js'

/** Trouble is one kind of drift of a container, or of protection that it lacks. */
export interface Trouble {
  message: string
  /** RFC 3339. */
  since: string
}

export function troubleEvent(key: string, kind: string, { since, message }: Trouble): HistoryEvent {
  return {
    id: `drift ${kind} ${key} ${since}`,
    ...{ at: since, what: 'drift', text: message.slice(0, 1000) }
  }
}

/** Returns what is said of a document that is no history: in the one of its workload, or of the installation. */
export function unreadableEvent(name: string, isOwn: boolean, at: string): HistoryEvent {
  const text = `the history ${name} is not readable`
  return { id: `unreadable ${isOwn ? at : name}`, at, text, what: 'secco' }
}

/** Returns when something happened to a workload last. */
export function lastAtOf({ since, starts, denials, events }: WorkloadHistory): string {
  const times = [
    since,
    ...starts.map(({ at, ended }) => ended ?? at),
    ...denials.map(({ last }) => last),
    ...events.map(({ at }) => at)
  ]
  return times.reduce(laterTime)
}
