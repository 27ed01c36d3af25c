/** Pinned recorders of `secco up` and `secco satellite`: their errors, `--clean`, and the line about one that goes on. */
import { hasPinnedHooks, RecorderInUse } from '../../native/pins.js'
import type { Pinning } from '../../native/types.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import { SeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import type { Io } from '../lib/io.js'

/** The program that pins its recorder, in the words of its messages. */
export interface PinOwner {
  name: string
  /** Until when a recorder goes on that the program left. */
  until: string
  /** The command that ends such a recorder. */
  clean: string
}

/** Returns the SeccoError for an error of pins with its next step, and any other error as it is. */
export function pinError(cause: unknown, { name, clean }: PinOwner): unknown {
  if (cause instanceof RecorderInUse) {
    return new SeccoError('RECORDER_IN_USE', cause.message, { cause, hint: `stop ${name} first` })
  }
  if (!(cause instanceof Error) || !['EACCES', 'EPERM'].includes(errnoOf(cause) ?? '')) return cause
  const message = `only root can read what is pinned: ${cause.message}`
  return new SeccoError('FORBIDDEN', message, { cause, hint: `run it as root: sudo ${clean}` })
}

/** Prints that the recorder goes on, if it does, and how to end it. Call it after the program closed its recorder. */
export function printKept(io: Io, pinning: Pinning | undefined, { until, clean }: PinOwner): void {
  const folder = pinning?.folder
  if (folder === undefined || !hasPinnedHooks(folder)) return
  io.stderr(`Recording goes on (pinned in ${folder}) until ${until}; to end it: ${clean}\n`)
}

/**
 * `--clean`: detaches and removes what earlier runs left pinned. Returns the exit code.
 * @param of where the recorders were pinned, or for what: `in FOLDER`
 * @param remove returns the number of recorders that it removed
 * @throws SeccoError RECORDER_IN_USE, FORBIDDEN
 */
export function cleanPinned(io: Io, owner: PinOwner, of: string, remove: () => number): number {
  try {
    const removed = remove()
    io.stdout(
      removed === 0
        ? `nothing is pinned ${of}\n`
        : `detached and removed ${plural(removed, 'pinned recorder')} ${of}\n`
    )
    return 0
  } catch (cause) {
    throw pinError(cause, owner)
  }
}
