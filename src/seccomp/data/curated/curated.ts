/** A general profile that others extend, from measured runs of real programs. */
export interface CuratedBase {
  readonly name: string
  readonly description: string
  /** What was run, with versions. */
  readonly source: string
  /** Another curated base. */
  readonly extends?: string
  readonly names: readonly string[]
}

export const curated: readonly CuratedBase[] = []
