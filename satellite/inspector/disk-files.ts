import { revisionPath } from '../../src/api/names.js'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import { digestOf } from '../../src/lib/digest.js'
import { readPlainFileSync } from '../lib/plain-file.js'

export type DiskState = 'ok' | 'missing' | 'changed'

/** The files of revisions; each is read again only if it changed. */
export interface DiskFiles {
  /** The state of a revision's file, as of now. */
  read(revision: RevisionRef): { state: DiskState; path: string }
}

interface FileState {
  stamp: string
  state: DiskState
}

const stampOf = ({ ino, mtimeMs, ctimeMs, size }: Stats): string =>
  `${ino} ${mtimeMs} ${ctimeMs} ${size}`

/** Costs one stat per call while a file does not change. @param root the kubelet's seccomp folder. */
export function createDiskFiles(root: string): DiskFiles {
  const seen = new Map<string, FileState>()

  function readState(path: string, digest: string): FileState {
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
    read({ namespace, profile, digest }) {
      const path = revisionPath(namespace, profile, digest)
      const now = readState(join(root, path), digest)
      seen.set(path, now)
      return { state: now.state, path }
    }
  }
}
