/**
 * Where `secco up` pins its recorder. Each state folder has a folder of its own on the bpf file system, with a link back
 * to the state folder, so that two installations never use the same recorder:
 *
 *   /sys/fs/bpf/secco-up/HASH/recorder   what native/pins.ts describes
 *   /sys/fs/bpf/secco-up/HASH/state      → the state folder
 *   /sys/fs/bpf/secco-up/HASH/place      → the mount namespace and the device in which the state folder is
 *
 * A bpf file system holds no files, so what is noted is the target of a link.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readlinkSync, realpathSync, rmdirSync } from 'node:fs'
import { statSync, symlinkSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bpfMount, cleanPins, foreignPart, preparePins, RecorderInUse } from '../../native/pins.js'
import { errnoOf } from '../../src/lib/durable-file.js'

/** The folder of all state folders; `secco satellite` pins in another one. */
export const upPins = join(bpfMount, 'secco-up')

/**
 * Returns the name of a state folder below `upPins`. A folder that is deleted and made again under the same path is
 * another installation.
 * @throws the error of the file system if there is no such folder
 */
function nameOf(state: string): string {
  const path = realpathSync(state)
  // The next folder can have the same inode number.
  const { dev, ino, birthtimeNs } = statSync(path, { bigint: true })
  const text = `${dev} ${ino} ${birthtimeNs} ${path}`
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

const recorderIn = (folder: string): string => join(folder, 'recorder')
const linkIn = (folder: string): string => join(folder, 'state')
const placeIn = (folder: string): string => join(folder, 'place')

/**
 * Returns the mount namespace of this process, and the device of a folder, or of the nearest folder above it that
 * exists. A state folder can be missing from here only because it is in a container or on a volume that is not mounted.
 */
function placeOf(folder: string): string {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found === undefined
    ? placeOf(dirname(folder))
    : `${readlinkSync('/proc/self/ns/mnt')} ${found.dev}`
}

/** Ignores errors that say that another program was faster, or that something else is still in a folder. */
function attempt(remove: () => void): void {
  try {
    remove()
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** Returns the folder for the pins of a state folder, which must exist. @param base for tests */
export function pinsOfState(state: string, base = upPins): string {
  return recorderIn(join(base, nameOf(state)))
}

/** Makes a link or replaces it. */
function relink(target: string, link: string): void {
  try {
    if (readlinkSync(link) === target) return
    unlinkSync(link)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  symlinkSync(target, link)
}

/** Links the folder of the pins with its state folder. Returns why nothing can be pinned there, if so. */
export function preparePinsOf(state: string, base = upPins): string | undefined {
  const pin = pinsOfState(state, base)
  const problem = preparePins(pin)
  if (problem !== undefined) return problem
  try {
    relink(realpathSync(state), linkIn(dirname(pin)))
    // A service can have another mount namespace at each start.
    relink(placeOf(realpathSync(state)), placeIn(dirname(pin)))
  } catch (error) {
    return `nothing can be pinned in ${pin}: ${String(error)}`
  }
  return undefined
}

/** Detaches and removes the recorder in a folder of `upPins`, and the folder. Returns the number of recorders. */
function removeFolder(folder: string): number {
  const removed = cleanPins(recorderIn(folder)).length
  attempt(() => unlinkSync(linkIn(folder)))
  attempt(() => unlinkSync(placeIn(folder)))
  attempt(() => rmdirSync(recorderIn(folder)))
  attempt(() => rmdirSync(folder))
  attempt(() => rmdirSync(dirname(folder)))
  return removed
}

/**
 * Detaches and removes what was pinned for a state folder. What was recorded and not sent is lost.
 * @returns the number of recorders; 0 if there is no such folder
 * @throws RecorderInUse while `secco up` runs on the state folder, NativeUnavailable, or the error of the file system if
 *   the folder of the pins cannot be read
 */
export function removePinsOf(state: string, base = upPins): number {
  if (statSync(state, { throwIfNoEntry: false }) === undefined) return 0
  const folder = dirname(pinsOfState(state, base))
  return lstatSync(folder, { throwIfNoEntry: false }) === undefined ? 0 : removeFolder(folder)
}

/** Returns the state folder of pins if it was deleted. A folder that cannot be seen from here may still exist. */
function abandonedBy(folder: string, name: string): string | undefined {
  try {
    // Anybody can write what is to be removed, where anybody can make folders.
    if (foreignPart(recorderIn(folder)) !== undefined) return undefined
    const state = readlinkSync(linkIn(folder))
    if (readlinkSync(placeIn(folder)) !== placeOf(state)) return undefined
    const isThere = statSync(state, { throwIfNoEntry: false }) !== undefined
    return isThere && nameOf(state) === name ? undefined : state
  } catch {
    // Another program is making or removing the folder now.
    return undefined
  }
}

/**
 * Detaches and removes what was pinned for state folders of this mount namespace that no longer exist. Returns their
 * paths.
 */
export function removeAbandonedPins(base = upPins): string[] {
  let names: string[]
  try {
    names = readdirSync(base)
  } catch {
    return []
  }
  return names.flatMap((name) => {
    const folder = join(base, name)
    const state = abandonedBy(folder, name)
    if (state === undefined) return []
    try {
      removeFolder(folder)
      return [state]
    } catch (error) {
      // The folder was deleted while its `secco up` runs.
      if (error instanceof RecorderInUse) return []
      throw error
    }
  })
}
