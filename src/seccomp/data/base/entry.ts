/** Why a container needs some names whatever its application is. One file of entries a runtime. */
export interface BaseEntry {
  /** In code-unit order. */
  readonly names: readonly string[]
  readonly reason: string
  /** How it is known: measured with which version, or read where. */
  readonly source: string
}

/** An entry for some versions of one runtime. */
export interface RuntimeEntry extends BaseEntry {
  /** First version that asks for it; every version when absent. */
  readonly since?: string
  /** First version that does not ask for it any more. */
  readonly until?: string
}
