import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Logger } from '../../../src/lib/log.js'
import { otherArguments } from '../../../src/seccomp/arguments/argument-words.js'
import { type Denial, mostValues } from './denial.js'
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

/** Values of one denial whose counts are remembered: the kernel side has no more of one container. */
const mostKnownValues = 64

interface Sum {
  count: number
  isNamed: boolean
  /** How many of the calls are counted with which arguments. */
  byArguments: Map<string, number>
}

const newSum = (): Sum => ({ count: 0, isNamed: false, byArguments: new Map() })

function addTo({ byArguments }: Sum, args: string, added: number): void {
  const count = byArguments.get(args) ?? 0
  byArguments.delete(args)
  byArguments.set(args, count + added)
  dropOldest(byArguments, mostKnownValues)
}

/** Returns the sums of the counts in rows of an earlier hub. */
function knownOf(rows: readonly DenialRow[]): Map<string, Sum> {
  const known = new Map<string, Sum>()
  for (const row of rows) {
    const sum = known.get(keyOf(row)) ?? newSum()
    known.set(keyOf(row), sum)
    sum.count += row.count
    // The pid is not restored; of calls whose caller nobody knew, the audit log may have it still.
    if (row.pid > 0 || row.comm !== '') sum.isNamed = true
    addTo(sum, row.arguments, row.count)
  }
  return known
}

/**
 * Returns the new calls of a denial by their arguments, the newest last. All of them together are `added`, whatever a node
 * reports of single values.
 */
function newCalls(denial: Denial, added: number, sum: Sum): [denial: Denial, added: number][] {
  const found: [Denial, number][] = []
  let left = added
  const { values = [] } = denial
  for (const value of [...values].reverse()) {
    const grown = Math.min(left, value.count - (sum.byArguments.get(value.arguments) ?? 0))
    if (grown <= 0) continue
    left -= grown
    found.unshift([{ ...denial, ...value, count: denial.count }, grown])
  }
  // A report that is full leaves out the values of older calls.
  const args = values.length < mostValues ? denial.arguments : otherArguments
  if (left > 0) found.unshift([{ ...denial, arguments: args }, left])
  for (const [{ arguments: own }, grown] of found) addTo(sum, own, grown)
  return found
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
        const sum = before ?? newSum()
        const added = newCalls(denial, denial.count - sum.count, sum)
        known.set(key, Object.assign(sum, { count: denial.count, isNamed: denial.pid > 0 }))
        dropOldest(known, mostKnown)
        listed.set(key, denial)
        dropOldest(listed, mostListed)
        for (const [one, grown] of added) grew(one, grown)
        // What a profile denies on purpose happens in every container.
        if (denial.expected) logger.debug(denial, 'expected denial')
        else logger.warn(denial, 'denial')
      }
    },
    learn(rows, countOf) {
      const sums = knownOf(rows)
      return rows.flatMap((row): [DenialRow, number][] => {
        const { count: sum = 0, isNamed = false } = sums.get(keyOf(row)) ?? {}
        const own = known.get(keyOf(row)) ?? newSum()
        // A caller may have more here than there, while another one has less.
        const added = Math.min(row.count - countOf(row.key), sum - own.count)
        if (added <= 0) return []
        addTo(own, row.arguments, added)
        known.set(keyOf(row), Object.assign(own, { count: own.count + added, isNamed }))
        dropOldest(known, mostKnown)
        return [[row, added]]
      })
    },
    list: () => [...listed.values()]
  }
}
