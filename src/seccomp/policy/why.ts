/** A reason of a rendering: a line, or its parts. */
type AnyReason =
  | string
  | {
      readonly kind: string
      readonly text: string
      readonly at?: string | undefined
      readonly by?: string | undefined
    }

/** A reason as one line that begins with its kind (`base: …`, `family: …`, `observed: …`). */
export function reasonLine(reason: AnyReason): string {
  if (typeof reason === 'string') return reason
  const { kind, text, by, at } = reason
  return `${kind}: ${text}${by === undefined ? '' : `, by ${by}`}${at === undefined ? '' : `, ${at}`}`
}

/** Syscall name → its reasons as lines. */
export function whyLines(
  provenance: Readonly<Record<string, readonly AnyReason[]>>
): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(provenance).map(([name, reasons]) => [name, reasons.map(reasonLine)])
  )
}
