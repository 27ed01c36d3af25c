/** Why every container needs some syscalls, whatever its application is. There is one file of entries per runtime. */
export interface BaseEntry {
  /** In code-unit order. */
  readonly names: readonly string[]
  readonly reason: string
  /** Source: the version that was measured, or the text that was read. */
  readonly source: string
}

/** An entry for some versions of one runtime. */
export interface RuntimeEntry extends BaseEntry {
  /** First version that makes the syscall; every version when absent. */
  readonly since?: string
  /** First version that no longer makes the syscall. */
  readonly until?: string
}
