import { mkdirSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
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
      if (above === found) throw error
      found = above
    }
  }
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
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return `nothing can be pinned in ${folder}: ${message}`
  }
}

/**
 * Detaches and unpins everything in a pin folder and removes the folder, which a satellite leaves for the next one.
 * What was recorded and not sent is lost.
 * @returns names of the layouts that were there; none if the folder does not exist.
 * @throws RecorderInUse while a satellite runs, NativeUnavailable.
 */
export function cleanPins(folder: string): string[] {
  if (existing(folder) !== folder) return []
  try {
    return loadAddon().cleanPins(folder)
  } catch (error) {
    const failure = pinFailure(folder, error)
    if (failure instanceof RecorderInUse || failure instanceof NativeUnavailable) throw failure
    throw new NativeUnavailable(error instanceof Error ? error.message : String(error), error)
  }
}
