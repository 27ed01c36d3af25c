import { lstatSync, mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { loadAddon, NativeUnavailable } from './addon.js'

/** Where a machine's bpf file system is mounted, by convention (systemd, Kubernetes). */
export const bpfMount = '/sys/fs/bpf'

const bpfMagic = 0xcafe4a11
const inUse = 11 // EWOULDBLOCK of flock(2)

/** Another process uses this pin folder: one recorder at a time can. */
export class RecorderInUse extends Error {
  override readonly name = 'RecorderInUse'
  readonly folder: string

  constructor(folder: string, cause?: unknown) {
    super(
      `another recorder uses the pins in ${folder}`,
      cause === undefined ? undefined : { cause }
    )
    this.folder = folder
  }
}

/** Returns a RecorderInUse for the failure that means it, and any other failure as it is. */
export function pinFailure(folder: string, error: unknown): unknown {
  const { errno } = error as { errno?: unknown }
  return errno === inUse ? new RecorderInUse(folder, error) : error
}

function isBpf(folder: string): boolean {
  return statfsSync(folder).type >>> 0 === bpfMagic
}

/** Returns the nearest existing folder: the folder itself or one above it. */
function existing(folder: string): string {
  let found = folder
  for (;;) {
    try {
      statSync(found)
      return found
    } catch (error) {
      const above = dirname(found)
      // What may not be read is not known to be missing.
      const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')
      if (above === found || !isMissing) throw error
      found = above
    }
  }
}

/**
 * Returns the folder on the way to a pin folder that another user may change or has put there. A bpf file system that was
 * mounted without a mode lets everybody make folders in it: in one of theirs, pins could be replaced, or be a link to
 * those of another program.
 */
export function foreignPart(folder: string): string | undefined {
  const from = existing(folder)
  const { dev } = lstatSync(from)
  for (let part = from; ; part = dirname(part)) {
    const found = lstatSync(part)
    if (found.dev !== dev) return undefined
    const isOwn = found.uid === 0 || found.uid === process.geteuid?.()
    // Of a folder with this bit, only its owner and theirs can remove or rename what is in it.
    const isSticky = part !== folder && (found.mode & 0o1000) !== 0
    const isOpen = (found.mode & 0o022) !== 0 && !isSticky
    if (!found.isDirectory() || !isOwn || isOpen) return part
    if (part === dirname(part)) return undefined
  }
}

/** @throws Error with the folder that another user may change */
function mustBeOwn(folder: string): void {
  const part = foreignPart(folder)
  if (part !== undefined) throw new Error(`another user may change ${part}`)
}

/**
 * Makes the folder, and mounts the machine's bpf file system if it is missing.
 * @returns why nothing can be pinned there, in one sentence; undefined if pins work.
 */
export function preparePins(folder: string): string | undefined {
  try {
    const isBelow = folder === bpfMount || folder.startsWith(`${bpfMount}/`)
    if (isBelow && !isBpf(bpfMount)) loadAddon().mountPins(bpfMount)
    const base = existing(folder)
    if (!isBpf(base)) return `${base} is not on a bpf file system: nothing can be pinned there`
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    mustBeOwn(folder)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return `nothing can be pinned in ${folder}: ${message}`
  }
}

/** Returns true if hooks are pinned in a pin folder: its recorder records, with or without a program. */
export function hasPinnedHooks(folder: string): boolean {
  if (existing(folder) !== folder) return false
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.some((name) => basename(name).startsWith('link-'))
}

/**
 * Detaches and unpins everything in a pin folder and removes the folder, which a satellite leaves for the next one.
 * What was recorded and not sent is lost.
 * @returns names of the layouts that were there; none if the folder does not exist.
 * @throws RecorderInUse while a satellite runs, NativeUnavailable (also for a folder that another user may change), or the
 *   error of the file system if the folder cannot be read.
 */
export function cleanPins(folder: string): string[] {
  if (existing(folder) !== folder) return []
  try {
    mustBeOwn(folder)
    return loadAddon().cleanPins(folder)
  } catch (error) {
    const failure = pinFailure(folder, error)
    if (failure instanceof RecorderInUse || failure instanceof NativeUnavailable) throw failure
    throw new NativeUnavailable(error instanceof Error ? error.message : String(error), error)
  }
}
