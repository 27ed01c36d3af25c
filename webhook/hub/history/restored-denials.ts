import { constants } from 'node:os'
import {
  type HistoryDenial,
  nodeOf,
  runOf,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'
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
 * Returns the denials that the histories have, for a hub without a folder of an earlier one: in a cluster a new pod
 * begins with an empty disk. Undefined when there is no history yet. Pure.
 */
export function restoredDenials(histories: readonly WorkloadHistory[]): SavedDenials | undefined {
  const isInstallation = ({ workload }: WorkloadHistory) => workload.kind === installationKey.kind
  const begin = histories.find(isInstallation)?.since
  if (begin === undefined) return undefined
  const rows = histories
    .flatMap((history) => history.denials.map((denial) => rowOf(history, denial)))
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : a.lastSeen > b.lastSeen ? 1 : 0))
  // Of what was merged into sums, no row tells which container it was.
  const merged = histories
    .flatMap(({ earlier }) => earlier?.sums ?? [])
    .filter(({ what }) => /^(denial|expected) /.test(what))
    .map(({ last }) => last)
  const dropped = rows.slice(0, -mostRows).map(({ lastSeen }) => lastSeen)
  const since = [begin, ...merged, ...dropped].sort().at(-1) ?? begin
  return { since, rows: rows.slice(-mostRows), runs: {} }
}
