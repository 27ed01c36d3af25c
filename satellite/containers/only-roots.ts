import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'

const groupWrites = 0o020
const othersWrite = 0o002
/** In a sticky folder, like /tmp, nobody else can move or replace root's files: inode(7). */
const sticky = 0o1000

/**
 * True if only root can have written the file at a resolved path, or can replace it. That has to hold for the file and
 * every folder above it, up to the root in which it was found.
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
