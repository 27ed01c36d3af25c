import { listed as listedNames } from '../../lib/plural.js'
/** Something that an import could not keep as it was. */
export interface ImportLoss {
  /** Where in the source, e.g. `syscalls[3].names`. */
  path: string
  /** What was lost or changed. */
  what: string
  why: string
  /** How it was imported, or the next step. */
  fix: string
}

export type Lose = (loss: ImportLoss) => void

const most = 8

/** Names as a short list: `a, b and 12 more`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, most).map((name) => name.slice(0, 64))
  return listedNames(shown, most, names.length)
}
