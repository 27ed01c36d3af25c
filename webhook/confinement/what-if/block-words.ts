import { plural } from '../../../src/lib/plural.js'
import { missingNodesText } from '../containers/missing-nodes.js'

/** BlockCounts is the part of a block's progress that its summary depends on. */
export interface BlockCounts {
  restart: readonly unknown[]
  unreached: readonly unknown[]
  total: number
  /** Absent without a container: there is no percentage of none. */
  done?: number
  /** Absent: from an earlier hub. */
  missingNodes?: number
}

const limitWords = (missing: number): string =>
  missing === 0 ? '' : `, as far as is known: ${missingNodesText(missing)}`

/** Returns how many running containers deny a blocked syscall. */
export function progressWords(counts: BlockCounts): string {
  const { restart, unreached, total, done, missingNodes = 0 } = counts
  if (total === 0) return `no container runs${limitWords(missingNodes)}`
  const closed = total - restart.length - unreached.length
  const percent = done === undefined ? '' : ` (${done} %)`
  return `${closed} of ${plural(total, 'running container')} deny it${percent}${limitWords(missingNodes)}`
}

/** Returns how many running containers can still make a blocked syscall. */
export function openWords(counts: BlockCounts): string {
  const { restart, unreached, total, missingNodes = 0 } = counts
  const open = restart.length + unreached.length
  const containers = plural(total, 'running container')
  const limit = limitWords(missingNodes)
  if (total === 0) return `no container runs${limit}`
  if (open === 0) return `nobody: ${containers}, and all deny it${limit}`
  return `${open} of ${containers} can still make it; ${unreached.length} of them also after a restart${limit}`
}
