import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'

const groupWrites = 0o020
const othersWrite = 0o002
/** In a folder with it, as /tmp is, nobody can move or replace what is root's: inode(7). */
const sticky = 0o1000

/**
 * Whether nobody but root can have put there what lies at a resolved path, or put something else there:
 * so for it and every folder above it, up to the root it was found in.
 */
export function isOnlyRoots(root: string, resolved: string): boolean {
  try {
    for (let at = resolved; at.length > root.length && at !== '/'; at = dirname(at)) {
      const found = lstatSync(at)
      const { uid, gid, mode } = found
      if (uid !== 0) return false
      if (found.isDirectory() && at !== resolved && (mode & sticky) !== 0) continue
      if ((mode & othersWrite) !== 0 || (gid !== 0 && (mode & groupWrites) !== 0)) return false
    }
    return true
  } catch {
    return false
  }
}
