import { lstatSync, type Stats } from 'node:fs'

/**
 * Where the folder is that crun's state names as a container's bundle; native/addon/state/bundle-folder.cc does the same for
 * runc.
 *
 * - `own`: believed
 * - `gone`: not there (any more)
 * - `foreign`: no runtime of the node writes this container's bundle there
 */
export type BundlePlace = 'own' | 'gone' | 'foreign'

/** Folders whose content containers, images or pods write: file systems of containers, volumes, other processes' files. */
const ofContainers: ReadonlySet<string> = new Set([
  ...['rootfs', 'merged', 'diff', 'snapshots', 'pods', 'proc', 'volumes', 'volume-subpaths']
])

/** The folders of containers/storage. */
const storages: ReadonlySet<string> = new Set(
  ['overlay', 'vfs', 'btrfs', 'zfs', 'aufs'].map((driver) => `${driver}-containers`)
)

/** Returns the names in an absolute path; none for a path that is relative, or not in its shortest form. */
function namesOf(path: string): readonly string[] {
  const [root, ...names] = path.split('/')
  const isOdd = (name: string): boolean => name === '' || name === '.' || name === '..'
  return root !== '' || path.includes('\0') || names.some(isOdd) ? [] : names
}

/** Returns whether the path has the form in which its runtime names the bundle of this container. */
function hasForm(names: readonly string[], id: string): boolean {
  for (const [at, name] of names.entries()) {
    const rest = names.slice(at + 1)
    if (name.startsWith('io.containerd.runtime.')) return rest.length === 2 && rest[1] === id
    if (storages.has(name)) return rest.length === 2 && rest[0] === id && rest[1] === 'userdata'
    if (ofContainers.has(name)) return false
  }
  return names.length > 0
}

const groupWrites = 0o020
const othersWrite = 0o002
/** In a sticky folder, like /tmp, nobody else can move or replace root's files: inode(7). */
const sticky = 0o1000

function isClosed(found: Stats, isLast: boolean): boolean {
  const { uid, gid, mode } = found
  if (!found.isDirectory() || (uid !== 0 && uid !== process.geteuid?.())) return false
  if (!isLast && (mode & sticky) !== 0) return true
  return (mode & othersWrite) === 0 && (gid === 0 || (mode & groupWrites) === 0)
}

/** Returns where the bundle of the container with this id is. It reads no file. */
export function placeOf(bundle: string, id: string): BundlePlace {
  const names = namesOf(bundle)
  if (!hasForm(names, id)) return 'foreign'
  try {
    let path = ''
    for (const [at, name] of names.entries()) {
      path += `/${name}`
      const found = lstatSync(path, { throwIfNoEntry: false })
      if (found === undefined) return 'gone'
      if (!isClosed(found, at === names.length - 1)) return 'foreign'
    }
    return 'own'
  } catch {
    return 'foreign'
  }
}
