import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'

const groupWrites = 0o020
const othersWrite = 0o002

/**
 * Whether nobody but root can have put there what lies at a resolved path, or put something else there:
 * so for it and every folder above it, up to the root it was found in.
 */
export function isOnlyRoots(root: string, resolved: string): boolean {
  try {
    for (let at = resolved; at.length > root.length && at !== '/'; at = dirname(at)) {
      const { uid, gid, mode } = lstatSync(at)
      if (uid !== 0 || (mode & othersWrite) !== 0) return false
      if (gid !== 0 && (mode & groupWrites) !== 0) return false
    }
    return true
  } catch {
    return false
  }
}
