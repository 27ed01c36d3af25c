import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Denial } from './denial.js'
import type { DenialRow } from './denial-row.js'

/** Denials keeps the newest denials, and logs each one that is new or has grown. */
export interface Denials {
  note(denials: readonly Denial[]): void
  /**
   * Takes the rows that another hub recorded. Returns those with calls that are not counted here, and how many.
   * @param countOf returns how many calls a row has here
   */
  learn(
    rows: readonly DenialRow[],
    countOf: (key: string) => number
  ): [row: DenialRow, added: number][]
  /** Returns the denials, the newest last. */
  list(): Denial[]
}

const mostListed = 1000
/** Counts that are remembered: a forgotten count that grows would be counted twice. */
const mostKnown = 100_000

type Counted = Pick<Denial, 'node' | 'instance' | 'abi' | 'syscall' | 'action'>

function keyOf({ node, instance, abi, syscall, action }: Counted): string {
  return `${node} ${instance} ${abi} ${syscall} ${action}`
}

type Known = Map<string, { count: number; isNamed: boolean }>

/** Returns the sums of the counts in rows of an earlier hub. */
function knownOf(rows: readonly DenialRow[]): Known {
  const known: Known = new Map()
  for (const row of rows) {
    const { count, isNamed } = known.get(keyOf(row)) ?? { count: 0, isNamed: false }
    // The pid is not restored; of calls whose caller nobody knew, the audit log may have it still.
    const hasCaller = row.pid > 0 || row.comm !== ''
    known.set(keyOf(row), { count: count + row.count, isNamed: isNamed || hasCaller })
  }
  return known
}

/**
 * Creates an empty list.
 * @param grew called for each denial that is new or has grown; `added` is 0 when only the caller became known
 * @param before rows of an earlier hub, whose denials are not new
 */
export function createDenials(
  logger: Logger,
  grew: (denial: Denial, added: number) => void = () => undefined,
  before: readonly DenialRow[] = []
): Denials {
  const listed = new Map<string, Denial>()
  const known = knownOf(before)
  return {
    note(denials) {
      for (const denial of denials) {
        const key = keyOf(denial)
        const before = known.get(key)
        // Counts are cumulative: an older message that is repeated must not count again.
        if (before !== undefined && before.count >= denial.count) {
          // The audit log may have the caller later.
          if (before.count === denial.count && !before.isNamed && denial.pid > 0) {
            before.isNamed = true
            if (listed.has(key)) listed.set(key, denial)
            grew(denial, 0)
          }
          continue
        }
        for (const map of [known, listed]) map.delete(key)
        known.set(key, { count: denial.count, isNamed: denial.pid > 0 })
        dropOldest(known, mostKnown)
        listed.set(key, denial)
        dropOldest(listed, mostListed)
        grew(denial, denial.count - (before?.count ?? 0))
        // What a profile denies on purpose happens in every container.
        if (denial.expected) logger.debug(denial, 'expected denial')
        else logger.warn(denial, 'denial')
      }
    },
    learn(rows, countOf) {
      const sums = knownOf(rows)
      return rows.flatMap((row): [DenialRow, number][] => {
        const { count: sum = 0, isNamed = false } = sums.get(keyOf(row)) ?? {}
        const { count } = known.get(keyOf(row)) ?? { count: 0 }
        // A caller may have more here than there, while another one has less.
        const added = Math.min(row.count - countOf(row.key), sum - count)
        if (added <= 0) return []
        known.set(keyOf(row), { count: count + added, isNamed })
        dropOldest(known, mostKnown)
        return [[row, added]]
      })
    },
    list: () => [...listed.values()]
  }
}
