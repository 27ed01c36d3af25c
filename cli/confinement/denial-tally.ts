import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'

/** The key by which a satellite counts. It reports one number for each key, whichever process made the calls. */
const countedBy = ({ node, instance, abi, syscall, action }: DenialView): string =>
  [node, instance, abi, syscall, action].join(' ')

/** True for denials that are counted without a known process. */
const isNameless = ({ pid, comm }: DenialView): boolean => pid === 0 && comm === ''

interface Counted {
  /** Denials that were new once. */
  known: number
  /** Rows as the hub has them now. */
  rows: Map<string, { count: number; nameless: boolean }>
}

/**
 * DenialTally counts how many denials in a row are new. After a takeover another hub reports: it knows the same
 * denials, perhaps in other rows, and satellites report to it again what the first one did not acknowledge.
 */
export class DenialTally {
  readonly #counted = new Map<string, Counted>()

  /** Forgets the rows, which another hub may have divided in another way, and keeps what was new. */
  restart(): void {
    for (const { rows } of this.#counted.values()) rows.clear()
  }

  /** Adds a row as the hub has it. @param isNamed the row includes earlier denials without a known process */
  add(row: DenialView, isNamed = false): number {
    const key = countedBy(row)
    const one = this.#counted.get(key) ?? { known: 0, rows: new Map<string, never>() }
    this.#counted.set(key, one)
    if (isNamed) for (const [name, { nameless }] of one.rows) if (nameless) one.rows.delete(name)
    one.rows.set(row.key, { count: row.count, nameless: isNameless(row) })
    const sum = [...one.rows.values()].reduce((all, { count }) => all + count, 0)
    const added = Math.max(0, sum - one.known)
    one.known += added
    return added
  }
}
