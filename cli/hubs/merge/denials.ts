import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { less } from './once.js'

/** The key by which a satellite counts. It reports one number for each key, whichever process made the calls. */
export const countedBy = ({ node, instance, abi, syscall, action }: DenialView): string =>
  [node, instance, abi, syscall, action].join(' ')

/** True for denials that are counted without a known process. */
const isNameless = ({ pid, comm }: DenialView): boolean => pid === 0 && comm === ''

interface Sum<Row> {
  count: number
  nameless: number
  rows: Row[]
}

function knowsMore<Row>(sum: Sum<Row>, than: Sum<Row> | undefined): boolean {
  if (than === undefined || sum.count !== than.count) return sum.count > (than?.count ?? 0)
  return sum.nameless < than.nameless
}

/** Merges answers of `GET /api/v1/denials`, newest last. */
export function mergeDenials<Row extends DenialView>(lists: readonly (readonly Row[])[]): Row[] {
  const found = new Map<string, Sum<Row>>()
  for (const list of lists) {
    const own = new Map<string, Sum<Row>>()
    for (const row of list) {
      const sum = own.get(countedBy(row)) ?? { count: 0, nameless: 0, rows: [] }
      sum.count += row.count
      if (isNameless(row)) sum.nameless += row.count
      sum.rows.push(row)
      own.set(countedBy(row), sum)
    }
    for (const [key, sum] of own) if (knowsMore(sum, found.get(key))) found.set(key, sum)
  }
  return [...found.values()]
    .flatMap(({ rows }) => rows)
    .sort((a, b) => less(a.lastSeen, b.lastSeen))
}

/** Counts how many denials in a row are new. 0: another hub has reported them already. */
interface DenialTally {
  /** Adds a row as a hub has it. @param isNamed the row includes earlier denials without a known process */
  add(hub: string, row: DenialView, isNamed?: boolean): number
}

interface Counted {
  count: number
  nameless: boolean
}

/** Creates a tally for a merged watch: a satellite that moves reports everything again to its new hub. */
export function createDenialTally(): DenialTally {
  /** Keys: what is counted, then the hub, then the row. */
  const known = new Map<string, Map<string, Map<string, Counted>>>()
  const sumOf = (rows: ReadonlyMap<string, Counted>): number =>
    [...rows.values()].reduce((sum, { count }) => sum + count, 0)
  return {
    add(hub, row, isNamed = false) {
      const hubs = known.get(countedBy(row)) ?? new Map<string, Map<string, Counted>>()
      known.set(countedBy(row), hubs)
      const most = (): number => Math.max(0, ...[...hubs.values()].map(sumOf))
      const before = most()
      const rows = hubs.get(hub) ?? new Map<string, Counted>()
      if (isNamed) for (const [key, one] of rows) if (one.nameless) rows.delete(key)
      hubs.set(hub, rows.set(row.key, { count: row.count, nameless: isNameless(row) }))
      return most() - before
    }
  }
}
