import type { ErrorCode } from '../../src/lib/errors.js'
import { type Io, paint, plain } from './io.js'

/** A hub that gave no answer: what only its satellites tell is missing from what was asked. */
export interface MissingHub {
  /** Its pod, or where it was looked for. */
  hub: string
  code: ErrorCode
  message: string
  /** What to do about it. */
  next: string
}

/** One line for each, so that nobody takes an answer for the whole. */
export function sayMissing(io: Io, missing: readonly MissingHub[]): void {
  for (const { hub, message, next } of missing) {
    const words = `warning: without hub ${hub}, and what only its satellites know: ${message}; next: ${next}`
    io.stderr(`${paint(io, 'yellow', plain(words))}\n`)
  }
}

/** An answer for programs: with `incomplete` where a hub is missing, else as it is. */
export function withMissing<Answer extends object>(
  answer: Answer,
  missing: readonly MissingHub[]
): Answer & { incomplete?: readonly MissingHub[] } {
  return missing.length === 0 ? answer : { ...answer, incomplete: missing }
}
