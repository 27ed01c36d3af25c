import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { digestOf } from '../../src/lib/digest.js'

export type DiskState = 'ok' | 'missing' | 'changed'

/** The files of revisions, looked at again only when they are other ones than before. */
export interface DiskFiles {
  /** What is below the seccomp root at a revision's path, as of now. */
  look(revision: RevisionRef): { state: DiskState; path: string }
}

interface Seen {
  stamp: string
  state: DiskState
}

/** `root`: the kubelet's seccomp folder. Reads one stat per look while nothing changes. */
export function createDiskFiles(root: string): DiskFiles {
  const seen = new Map<string, Seen>()

  function read(path: string, digest: string): Seen {
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      return { stamp: '', state: gone ? 'missing' : 'changed' }
    }
    try {
      const stat = fstatSync(fd)
      const stamp = `${stat.ino} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.size}`
      const before = seen.get(path)
      if (before?.stamp === stamp) return before
      const same = stat.isFile() && digestOf(readFileSync(fd)) === digest
      return { stamp, state: same ? 'ok' : 'changed' }
    } catch {
      return { stamp: '', state: 'changed' }
    } finally {
      closeSync(fd)
    }
  }

  return {
    look({ namespace, profile, digest }) {
      const path = revisionPath(namespace, profile, digest)
      const now = read(join(root, path), digest)
      seen.set(path, now)
      return { state: now.state, path }
    }
  }
}
