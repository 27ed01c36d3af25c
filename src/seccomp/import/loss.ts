/** What an import could not take over as it was. */
export interface Loss {
  /** Where in the source, e.g. `syscalls[3].names`. */
  path: string
  /** What it was. */
  what: string
  why: string
  /** What became of it, or what to do. */
  mend: string
}

export type Lose = (loss: Loss) => void

const most = 8

/** Names as a short list: `a, b and 12 more`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, most).map((name) => name.slice(0, 64))
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
