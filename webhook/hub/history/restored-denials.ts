import { nodeOf, runOf } from '../../../src/api/instance-id.js'
import { constants } from 'node:os'
import {
  type HistoryCaller,
  type HistoryDenial,
  historyName,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'
import { earlierTime, laterTime } from '../../../src/history/times.js'
import type { DenialRow } from '../denials/denial-row.js'
import { runKey, type SavedDenials } from '../denials/denial-sums.js'
import { installationName } from './installation.js'

const errnos = constants.errno as Readonly<Record<string, number | undefined>>
const mostRows = 5000

/** A caller of a denial; the name is empty where nobody knows who made the calls. */
type Caller = Pick<HistoryCaller, 'comm' | 'answer' | 'arguments' | 'count' | 'first' | 'last'>

/** Returns what each caller counts of a denial; all of them together have its count. */
function callersOf({ callers = [], processes, ...denial }: HistoryDenial): Caller[] {
  const [comm = '', ...others] = processes
  if (callers.length === 0) return [{ ...denial, comm: others.length === 0 ? comm : '' }]
  let left = denial.count
  const known = callers.map((one) => {
    const count = Math.min(one.count, left)
    left -= count
    return { ...one, count }
  })
  const { answer, first, last } = denial
  return [...known, { comm: '', answer, count: left, first, last }].filter(({ count }) => count > 0)
}

/**
 * Returns when the hub heard of a caller's newest call: as long after it as of the newest of all. Who asks for denials since a
 * time means the hub's clock.
 */
function heardAt({ last, heard }: HistoryDenial, caller: Caller): string {
  if (heard === undefined) return caller.last
  const late = Math.max(0, Date.parse(heard) - Date.parse(last))
  return earlierTime(heard, new Date(Date.parse(caller.last) + late).toISOString())
}

function rowOf(history: WorkloadHistory, denial: HistoryDenial, caller: Caller): DenialRow {
  const { workload, profiles, starts } = history
  const { instance, abi, syscall, action } = denial
  const { comm, answer, arguments: args = '', count, first, last } = caller
  const {
    pod = '',
    container = '',
    ended
  } = starts.find(({ run }) => run === runOf(instance)) ?? {}
  const { namespace } = workload
  const { profile = profiles[0]?.split('/')[1] ?? '' } = denial
  const node = nodeOf(instance)
  const errno = errnos[answer] ?? 0
  return {
    // As DenialRows makes it, so that what a node adds goes into the same row.
    key: `${node} ${instance} ${abi} ${syscall} ${action} ${errno} ${args} ${comm}`,
    ...{ node, namespace, profile, instance, container, pod, syscall, abi, action, answer, errno },
    workload: `${workload.kind}/${workload.name}`,
    containerName: workload.container === '' ? workload.name : workload.container,
    ...{ revision: denial.revision ?? '', arguments: args, comm, pid: 0, count },
    signal: answer === 'SIGSYS' ? answer : '',
    ...{ firstSeen: first, lastSeen: heardAt(denial, caller), at: last },
    ...{ expected: denial.expected === true, succeeded: 0 },
    ...(ended === undefined ? {} : { ended })
  }
}

/**
 * RestoredDenials collects the denials that histories have, for a hub without a folder of an earlier one: in a cluster a
 * new pod begins with an empty disk. It keeps the newest rows, and nothing else of the histories.
 */
export class RestoredDenials {
  #begin: string | undefined
  #rows: DenialRow[] = []
  /** See SavedDenials: when instances were reported first, by the clock of their node, where that was ahead. */
  readonly #runs = new Map<string, string>()
  /** What happened before may be in no row. */
  #since = ''

  add(history: WorkloadHistory): void {
    if (historyName(history.workload) === installationName) this.#begin = history.since
    for (const denial of history.denials) {
      const rows = callersOf(denial).map((caller) => rowOf(history, denial, caller))
      for (const row of rows) this.#rows.push(row)
      const [row] = rows
      const { nodeTime } = denial
      if (row === undefined || nodeTime === undefined) continue
      this.#runs.set(runKey(row), earlierTime(this.#runs.get(runKey(row)) ?? nodeTime, nodeTime))
    }
    // Of what was merged into sums, no row tells which container it was.
    for (const { what, last } of history.earlier?.sums ?? [])
      if (/^(denial|expected) /.test(what)) this.#since = laterTime(this.#since, last)
    if (this.#rows.length > 2 * mostRows) this.#drop()
  }

  /** Returns the rows; undefined when there is no history yet. */
  saved(): SavedDenials | undefined {
    if (this.#begin === undefined) return undefined
    this.#drop()
    return {
      since: laterTime(this.#begin, this.#since),
      rows: this.#rows,
      runs: this.#runsOfRows()
    }
  }

  #runsOfRows(): Record<string, string> {
    const kept = new Set(this.#rows.map(runKey))
    return Object.fromEntries([...this.#runs].filter(([run]) => kept.has(run)))
  }

  /** Keeps the newest rows, in the order of their time. */
  #drop(): void {
    this.#rows.sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : a.lastSeen > b.lastSeen ? 1 : 0))
    const dropped = this.#rows.splice(0, Math.max(0, this.#rows.length - mostRows))
    this.#since = laterTime(this.#since, dropped.at(-1)?.lastSeen ?? '')
  }
}
