/** Why a rendering treats a syscall as it does. */
export interface Reason {
  /**
   * - `observed`: satellites saw it; `at` is when first, `by` the nodes
   * - `person`: a person approved, denied or wrote it; `by` and `at` of the approval
   * - `extends`: a parent allows it; `by` is the parent
   * - `base`: every profile has it
   * - `family`: equivalent to an approved syscall
   * - `emergency`: the emergency overlay denies it (or some arguments)
   * - `runtime-default`: the rules of RuntimeDefault apply
   * - `filter`: denied because libseccomp would build it wrongly
   * - `enosys`: answered as a kernel without it would, so that callers fall back
   */
  kind:
    | 'observed'
    | 'person'
    | 'extends'
    | 'base'
    | 'family'
    | 'emergency'
    | 'runtime-default'
    | 'filter'
    | 'enosys'
  text: string
  /** RFC 3339. */
  at?: string
  by?: string
}

/** Syscall name → its reasons. */
export type Provenance = Record<string, Reason[]>

/** One line for people; the word before the first colon or space is the kind. */
export function reasonText({ kind, text, at, by }: Reason): string {
  if (kind === 'family') return `family of ${text}`
  if (kind === 'enosys') return text
  if (kind === 'extends' && by !== undefined) return `extends: ${by}`
  const who = by === undefined ? '' : kind === 'observed' ? ` on ${by}` : ` by ${by}`
  return `${kind}: ${text}${who}${at === undefined ? '' : ` at ${at}`}`
}
