import { historyLines, type HistoryLine } from '../../src/history/history-lines.js'
import { mergeHistories } from '../../src/history/merge-history.js'
import { type WorkloadHistory, workloadText } from '../../src/history/workload-history.js'
import type { HistoryAnswer } from '../../webhook/confinement/history/history-routes.js'
import { queryOf } from '../hubs/hub-api.js'
import { askHubs, type Hubs } from '../hubs/hubs.js'
import { type Io, paint, plain } from '../lib/io.js'
import { sayMissing, withMissing } from '../lib/missing-hubs.js'
import { alignedLines, printObject } from '../lib/output.js'

interface HistoryArgs {
  workload: string
  namespace: string | undefined
  output: 'table' | 'json' | 'yaml'
}

type Item = HistoryAnswer['items'][number]

/** Merges the answers of hubs: each has what is in the store, and what it did not write yet. */
function mergeAnswers(answers: readonly HistoryAnswer[]): Item[] {
  const found = new Map<string, WorkloadHistory>()
  for (const history of answers.flatMap(({ items }) => items)) {
    const key = workloadText(history.workload)
    const before = found.get(key)
    found.set(key, before === undefined ? history : mergeHistories(before, history))
  }
  const installation = answers
    .flatMap((one) => one.installation ?? [])
    .reduce<WorkloadHistory | undefined>(
      (all, one) => (all === undefined ? one : mergeHistories(all, one)),
      undefined
    )
  return [...found.values()].map((one) => ({ ...one, lines: historyLines(one, installation) }))
}

const cellsOf = ({ at, what, node, by, text }: HistoryLine): string[] =>
  [at, what, node === '' ? '-' : node, by === '' ? '-' : by, text].map(plain)

/** `secco history [NAMESPACE/]WORKLOAD`: prints what happened to a workload, newest last. */
export async function showHistory(io: Io, hubs: Hubs, args: HistoryArgs): Promise<number> {
  const { workload, namespace, output } = args
  const path = `/api/v1/history${queryOf({ workload, namespace })}`
  const { answers, missing } = await askHubs<HistoryAnswer>(hubs, path, { absent: 'NOT_FOUND' })
  const items = mergeAnswers(answers)
  sayMissing(io, missing)
  if (output !== 'table') {
    printObject(io, output, withMissing({ items }, missing))
    return 0
  }
  for (const item of items) {
    const title = `${workloadText(item.workload)}, recorded since ${item.since}`
    io.stdout(`${paint(io, 'bold', plain(title))}\n`)
    const rows = [['TIME', 'WHAT', 'NODE', 'BY', 'DETAIL'], ...item.lines.map(cellsOf)]
    io.stdout(`${alignedLines(rows).join('\n')}\n`)
  }
  return 0
}
