import type { HistoryLine } from '../../src/history/history-lines.js'
import { workloadText } from '../../src/history/workload-history.js'
import type { HistoryAnswer } from '../../webhook/confinement/history/history-routes.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'
import { type Io, paint, plain } from '../lib/io.js'
import { alignedLines } from '../lib/aligned-lines.js'
import { printObject } from '../lib/output.js'

interface HistoryArgs {
  workload: string
  namespace: string | undefined
  output: 'table' | 'json' | 'yaml'
}

const cellsOf = ({ at, what, node, by, text }: HistoryLine): string[] =>
  [at, what, node === '' ? '-' : node, by === '' ? '-' : by, text].map(plain)

/** `secco history [NAMESPACE/]WORKLOAD`: prints what happened to a workload, newest last. */
export async function showHistory(io: Io, hub: Hub, args: HistoryArgs): Promise<number> {
  const { workload, namespace, output } = args
  const path = `/api/v1/history${queryOf({ workload, namespace })}`
  const { items } = await hub.ask<HistoryAnswer>(path)
  if (output !== 'table') {
    printObject(io, output, { items })
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
