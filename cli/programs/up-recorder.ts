import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cleanPins, preparePins, RecorderInUse } from '../../native/pins.js'
import type { Pinning } from '../../native/types.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import type { Logger } from '../../src/lib/log.js'
import { quoted } from '../../src/lib/shell-word.js'
import { type Io, paint } from '../lib/io.js'
import type { StatePaths } from '../lib/state.js'
import { cleanPinned, pinError, type PinOwner } from './pinned-recorder.js'
import { pinsOfState, preparePinsOf, removeAbandonedPins, removePinsOf } from './up-pins.js'

/** What `--pin` asks for. `auto` is a folder that belongs to the state folder. */
export type UpPin =
  | { readonly kind: 'auto' | 'off' }
  | { readonly kind: 'folder'; readonly folder: string }

interface PinArgs {
  paths: Pick<StatePaths, 'root' | 'pinFolder'>
  pin: UpPin
}

/** Returns the words for messages about pins. The command needs no `--pin`: the folder is remembered. */
export const pinOwner = ({ paths }: Pick<PinArgs, 'paths'>): PinOwner => ({
  name: '`secco up`',
  until: 'the next `secco up`',
  clean: `secco up --clean --state ${quoted(paths.root)}`
})

/** Runs a step without which recording works too: its failure is logged. @throws SeccoError RECORDER_IN_USE */
function tidy(args: PinArgs, logger: Logger, what: string, step: () => void): void {
  try {
    step()
  } catch (error) {
    if (error instanceof RecorderInUse) throw pinError(error, pinOwner(args))
    logger.warn({ err: error }, what)
  }
}

/** Returns the last `--pin FOLDER` of this state folder. */
function lastFolder({ pinFolder }: PinArgs['paths']): string | undefined {
  try {
    return readFileSync(pinFolder, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes what was pinned in the last `--pin FOLDER`, and forgets the folder. Returns the number of recorders. */
function removeLast(paths: PinArgs['paths']): number {
  const last = lastFolder(paths)
  const removed = last === undefined ? 0 : cleanPins(last).length
  rmSync(paths.pinFolder, { force: true })
  return removed
}

/** Removes what earlier runs on this state folder pinned in other folders than this one will. */
function removeEarlier({ paths, pin }: PinArgs, logger: Logger): void {
  let removed = pin.kind === 'auto' ? 0 : removePinsOf(paths.root)
  if (pin.kind !== 'folder' || pin.folder !== lastFolder(paths)) {
    try {
      removed += removeLast(paths)
    } catch (error) {
      // The recorder of this state folder has ended, so the folder is another program's now.
      if (!(error instanceof RecorderInUse)) throw error
      rmSync(paths.pinFolder, { force: true })
    }
  }
  if (removed > 0) logger.info('removed the earlier pinned recorder')
}

/**
 * Returns the folder in which this installation pins its recorder; undefined: it does not. Removes what it had pinned
 * elsewhere, and what is left of installations whose state folder was deleted.
 */
export function choosePin(args: PinArgs, logger: Logger): string | undefined {
  const { paths, pin } = args
  tidy(args, logger, 'pins of deleted state folders could not be removed', () => {
    const removed = removeAbandonedPins()
    if (removed.length > 0) logger.info({ removed }, 'removed pins of deleted state folders')
  })
  tidy(args, logger, 'earlier pins could not be removed', () => removeEarlier(args, logger))
  if (pin.kind === 'off') return undefined
  // Where nothing can be pinned, the recorder reports why.
  tidy(args, logger, 'state folder could not be linked with its pins', () => {
    if (pin.kind !== 'folder') preparePinsOf(paths.root)
    else if (preparePins(pin.folder) === undefined) {
      writeFileSync(paths.pinFolder, pin.folder, { mode: 0o600 })
    }
  })
  return pin.kind === 'folder' ? pin.folder : pinsOfState(paths.root)
}

/** Removes the empty folders of a recorder that was stopped for good. */
export function withoutPins(args: PinArgs, logger: Logger): void {
  tidy(args, logger, 'folders of pins could not be removed', () => {
    if (args.pin.kind === 'auto') removePinsOf(args.paths.root)
    else removeLast(args.paths)
  })
}

/** Prints whether recording outlives this program. */
export function printPinning(
  io: Io,
  { pin, output }: PinArgs & { output: string },
  pinning: Pinning | undefined
): void {
  if (pinning === undefined) return
  const { adopted, folder, problem } = pinning
  if (problem !== undefined) {
    const warning = `recording ends with this program, because ${problem}`
    io.stderr(`${paint(io, 'yellow', `warning: ${warning}`)}\n`)
  } else if (output === 'json') {
    return
  } else if (adopted) {
    io.stderr('recorder   went on while Secco was stopped; Ctrl-C ends it\n')
  } else if (folder !== undefined) {
    io.stderr(
      `recorder   pinned in ${folder}: it goes on after SIGTERM or a crash, Ctrl-C ends it\n`
    )
  } else if (pin.kind === 'off') {
    io.stderr('recorder   not pinned: nothing is recorded while Secco is stopped\n')
  }
}

/** `secco up --clean`: detaches and removes what earlier runs on this state folder left pinned. */
export function cleanUp(io: Io, args: PinArgs): number {
  const { paths, pin } = args
  return cleanPinned(io, pinOwner(args), `for ${paths.root}`, () => {
    for (const state of removeAbandonedPins()) {
      io.stdout(`detached and removed what was pinned for ${state}, which no longer exists\n`)
    }
    const given = pin.kind === 'folder' ? cleanPins(pin.folder).length : 0
    return removePinsOf(paths.root) + given + removeLast(paths)
  })
}
