import type { ErrorCode } from '../../src/lib/errors.js'
import { type Io, paint, plain } from './io.js'

/** A hub that gave no answer. Reports of its satellites are missing from the result. */
export interface MissingHub {
  /** Name of its pod, or its address. */
  hub: string
  code: ErrorCode
  message: string
  /** The next step. */
  next: string
}

/** Prints one line for each missing hub, so that nobody takes the answer for complete. */
export function sayMissing(io: Io, missing: readonly MissingHub[]): void {
  for (const { hub, message, next } of missing) {
    const words = `warning: hub ${hub} and its satellites are missing: ${message}; next: ${next}`
    io.stderr(`${paint(io, 'yellow', plain(words))}\n`)
  }
}

/** Adds the member `incomplete` to an answer for programs when a hub is missing. */
export function withMissing<Answer extends object>(
  answer: Answer,
  missing: readonly MissingHub[]
): Answer & { incomplete?: readonly MissingHub[] } {
  return missing.length === 0 ? answer : { ...answer, incomplete: missing }
}
