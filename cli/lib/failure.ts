import { toSeccoError } from '../../src/lib/errors.js'
import { type Io, paint } from './io.js'

/** Prints `error: what (CODE)` and a line with the next step; returns the exit code. */
export function reportFailure(io: Io, error: unknown, exitCode = 1): number {
  const failure = toSeccoError(error)
  const where =
    failure.field === undefined || failure.message.includes(failure.field)
      ? ''
      : `${failure.field}: `
  io.stderr(`${paint(io, 'red', 'error:')} ${where}${failure.message} (${failure.code})\n`)
  io.stderr(`  next: ${failure.hint}\n`)
  return failure.exitCode ?? exitCode
}
