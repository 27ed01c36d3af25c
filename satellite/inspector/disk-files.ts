import type { Stats } from 'node:fs'
import { join } from 'node:path'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { digestOf } from '../../src/lib/digest.js'
import { readPlainFileSync } from '../lib/plain-file.js'

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

const stampOf = ({ ino, mtimeMs, ctimeMs, size }: Stats): string =>
  `${ino} ${mtimeMs} ${ctimeMs} ${size}`

/** `root`: the kubelet's seccomp folder. Reads one stat per look while nothing changes. */
export function createDiskFiles(root: string): DiskFiles {
  const seen = new Map<string, Seen>()

  function read(path: string, digest: string): Seen {
    const before = seen.get(path)
    try {
      const { stat, bytes } = readPlainFileSync(path, (now) => before?.stamp === stampOf(now))
      const stamp = stampOf(stat)
      if (before?.stamp === stamp) return before
      const same = bytes !== undefined && digestOf(bytes) === digest
      return { stamp, state: same ? 'ok' : 'changed' }
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      return { stamp: '', state: gone ? 'missing' : 'changed' }
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
