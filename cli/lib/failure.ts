import { isDenied, writeDeniedHint } from '../../src/lib/durable-file.js'
import { errorKinds, SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { quoted } from '../../src/lib/shell-word.js'
import { type Io, paint } from './io.js'

/**
 * Returns what the system denied to this user with the same command for root as its next step; any other error as it is.
 * An error that has a more precise next step keeps it.
 * @param argv the arguments after the program's name
 */
export function withCommandForRoot(error: unknown, argv: readonly string[], uid: number): unknown {
  if (uid === 0 || !isDenied(error)) return error
  const { code, message, hint, field, exitCode } = toSeccoError(error)
  // The system may deny the command that is traced, too: it is a file of the user.
  if (code === 'COMMAND_NOT_STARTED') return error
  if (hint !== errorKinds[code].hint && hint !== writeDeniedHint) return error
  const command = ['sudo', 'secco', ...argv].map(quoted).join(' ')
  return new SeccoError(code === 'INTERNAL' ? 'FORBIDDEN' : code, message, {
    cause: error,
    hint: `run it as the user who started Secco, or as root: \`${command}\``,
    ...(field === undefined ? {} : { field }),
    ...(exitCode === undefined ? {} : { exitCode })
  })
}

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
