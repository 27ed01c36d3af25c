import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Denial } from './denial.js'
import type { DenialRow } from './denial-rows.js'

/** Refused syscalls, the newest of them, with a log line for each that is new or has grown. */
export interface Denials {
  note(denials: readonly Denial[]): void
  /** Newest last. */
  list(): Denial[]
}

const mostListed = 1000
/** Counts that are remembered: what is forgotten and grows would be counted twice. */
const mostKnown = 100_000

type Counted = Pick<Denial, 'node' | 'instance' | 'abi' | 'syscall' | 'action'>

function keyOf({ node, instance, abi, syscall, action }: Counted): string {
  return `${node} ${instance} ${abi} ${syscall} ${action}`
}

type Known = Map<string, { count: number; isNamed: boolean }>

/** The counts that rows of an earlier hub add up to. */
function knownOf(rows: readonly DenialRow[]): Known {
  const known: Known = new Map()
  for (const row of rows) {
    const { count, isNamed } = known.get(keyOf(row)) ?? { count: 0, isNamed: true }
    known.set(keyOf(row), { count: count + row.count, isNamed: isNamed && row.pid > 0 })
  }
  return known
}

/** `grew`: called for each denial that is new or has grown, with how many calls more; 0: who it was is news.
 * `before`: the rows of an earlier hub, whose calls are no news. */
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
        // Counts are cumulative: a repeat of an older message must not look like news.
        if (before !== undefined && before.count >= denial.count) {
          // The audit log may tell later who it was.
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
        // What a profile refuses on purpose happens in every container.
        if (denial.expected) logger.debug(denial, 'expected denial')
        else logger.warn(denial, 'denial')
      }
    },
    list: () => [...listed.values()]
  }
}
