import type { DenialView } from '../../../webhook/truth/denial-views.js'
import { less } from './once.js'

/** What a satellite counts on: it says one number of each of these, whoever asked in between. */
const countedBy = ({ node, instance, abi, syscall, action }: DenialView): string =>
  [node, instance, abi, syscall, action].join(' ')

/** `GET /api/v1/denials`, newest last. */
export function mergeDenials<Row extends DenialView>(lists: readonly (readonly Row[])[]): Row[] {
  const found = new Map<string, { count: number; rows: Row[] }>()
  for (const list of lists) {
    const own = new Map<string, { count: number; rows: Row[] }>()
    for (const row of list) {
      const sum = own.get(countedBy(row)) ?? { count: 0, rows: [] }
      sum.count += row.count
      sum.rows.push(row)
      own.set(countedBy(row), sum)
    }
    for (const [key, sum] of own) if (sum.count > (found.get(key)?.count ?? 0)) found.set(key, sum)
  }
  return [...found.values()]
    .flatMap(({ rows }) => rows)
    .sort((a, b) => less(a.lastSeen, b.lastSeen))
}

/** How many calls more than all hubs have told of; 0: another hub has told of them already. */
export interface DenialTally {
  /** A row as a hub has it. */
  add(hub: string, row: DenialView): number
}

/** For a merged watch: a satellite that moves tells its new hub everything that the old one knew. */
export function createDenialTally(): DenialTally {
  /** By what is counted, then by hub, then by row. */
  const known = new Map<string, Map<string, Map<string, number>>>()
  const sumOf = (rows: ReadonlyMap<string, number>): number =>
    [...rows.values()].reduce((sum, count) => sum + count, 0)
  return {
    add(hub, row) {
      const hubs = known.get(countedBy(row)) ?? new Map<string, Map<string, number>>()
      known.set(countedBy(row), hubs)
      const most = (): number => Math.max(0, ...[...hubs.values()].map(sumOf))
      const before = most()
      const rows = hubs.get(hub) ?? new Map<string, number>()
      hubs.set(hub, rows.set(row.key, row.count))
      return most() - before
    }
  }
}
