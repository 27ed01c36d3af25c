import { constants } from 'node:os'
import {
  type HistoryDenial,
  historyName,
  nodeOf,
  runOf,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'
import { laterTime } from '../../../src/history/times.js'
import type { DenialRow, SavedDenials } from '../denials/denial-rows.js'
import { installationKey } from './history-recorder.js'

const errnos = constants.errno as Readonly<Record<string, number | undefined>>
const mostRows = 5000

function rowOf(history: WorkloadHistory, denial: HistoryDenial): DenialRow {
  const { workload, profiles, starts } = history
  const { instance, abi, syscall, action, answer, count, first, last, processes } = denial
  const { pod = '', container = '' } = starts.find(({ run }) => run === runOf(instance)) ?? {}
  const [namespace = workload.namespace, profile = ''] = profiles[0]?.split('/') ?? []
  const node = nodeOf(instance)
  const errno = errnos[answer] ?? 0
  const comm = processes[0] ?? ''
  const args = denial.arguments ?? ''
  return {
    // As DenialRows makes it, so that what a node adds goes into the same row.
    key: `${node} ${instance} ${abi} ${syscall} ${action} ${errno} ${args} ${comm}`,
    ...{ node, namespace, profile, instance, container, pod, syscall, abi, action, answer, errno },
    workload: `${workload.kind}/${workload.name}`,
    containerName: workload.container === '' ? workload.name : workload.container,
    ...{ revision: denial.revision ?? '', arguments: args, comm, pid: 0, count },
    signal: answer === 'SIGSYS' ? answer : '',
    ...{ firstSeen: first, lastSeen: last, at: last },
    ...{ expected: denial.expected === true, succeeded: 0 }
  }
}

/**
 * RestoredDenials collects the denials that histories have, for a hub without a folder of an earlier one: in a cluster a
 * new pod begins with an empty disk. It keeps the newest rows, and nothing else of the histories.
 */
export class RestoredDenials {
  #begin: string | undefined
  #rows: DenialRow[] = []
  /** What happened before may be in no row. */
  #since = ''

  add(history: WorkloadHistory): void {
    if (historyName(history.workload) === historyName(installationKey)) this.#begin = history.since
    for (const denial of history.denials) this.#rows.push(rowOf(history, denial))
    // Of what was merged into sums, no row tells which container it was.
    for (const { what, last } of history.earlier?.sums ?? [])
      if (/^(denial|expected) /.test(what)) this.#since = laterTime(this.#since, last)
    if (this.#rows.length > 2 * mostRows) this.#drop()
  }

  /** Returns the rows; undefined when there is no history yet. */
  saved(): SavedDenials | undefined {
    if (this.#begin === undefined) return undefined
    this.#drop()
    return { since: laterTime(this.#begin, this.#since), rows: this.#rows, runs: {} }
  }

  /** Keeps the newest rows, in the order of their time. */
  #drop(): void {
    this.#rows.sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : a.lastSeen > b.lastSeen ? 1 : 0))
    const dropped = this.#rows.splice(0, Math.max(0, this.#rows.length - mostRows))
    this.#since = laterTime(this.#since, dropped.at(-1)?.lastSeen ?? '')
  }
}
