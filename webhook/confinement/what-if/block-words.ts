import { plural } from '../../../src/lib/plural.js'
import { type MissingNode, missingNodesNamed, namedMissing } from '../containers/missing-nodes.js'

/** OpenContainer is the part of a container that can still make a blocked syscall which words depend on. */
interface OpenContainer {
  /** False: it is not known whether it can. Absent: from an earlier hub. */
  certain?: boolean
}

/** BlockCounts is the part of a block's progress that its summary depends on. */
export interface BlockCounts {
  restart: readonly OpenContainer[]
  unreached: readonly OpenContainer[]
  total: number
  /** Absent without a container: there is no percentage of none. */
  done?: number
  /** Absent: from an earlier hub. */
  missingNodes?: number
  /** Absent: from an earlier hub. */
  notReporting?: readonly Pick<MissingNode, 'name' | 'why' | 'listed'>[]
}

/** Returns what is not in the numbers, and what is in them as it was once. */
function limitWords({ missingNodes = 0, notReporting = [] }: BlockCounts): string {
  const away = notReporting.filter(({ listed }) => listed)
  return [
    ...(missingNodes === 0
      ? []
      : [`, as far as is known: ${missingNodesNamed(missingNodes, notReporting)}`]),
    ...(away.length === 0
      ? []
      : [`; containers of these nodes are as they last reported: ${namedMissing(away)}`])
  ].join('')
}

/** Follows a container that is counted although nobody knows what its filter allows. */
export const doubtText = 'it is not known what its filter allows'

/** Returns how many containers are counted as open because nobody knows better. */
function doubtWords({ restart, unreached }: BlockCounts, of: string): string {
  const doubted = [...restart, ...unreached].filter(({ certain }) => certain === false).length
  if (doubted === 0) return ''
  return `; ${doubted} of ${of} because it is not known what ${doubted === 1 ? 'its filter allows' : 'their filters allow'}`
}

/** Returns how many running containers deny a blocked syscall. */
export function progressWords(counts: BlockCounts): string {
  const { restart, unreached, total, done } = counts
  const limit = limitWords(counts)
  if (total === 0) return `no container runs${limit}`
  const closed = total - restart.length - unreached.length
  const percent = done === undefined ? '' : ` (${done} %)`
  const doubt = doubtWords(counts, 'the others')
  return `${closed} of ${plural(total, 'running container')} deny it${percent}${doubt}${limit}`
}

/** Returns how many running containers can still make a blocked syscall. */
export function openWords(counts: BlockCounts): string {
  const { restart, unreached, total } = counts
  const open = restart.length + unreached.length
  const containers = plural(total, 'running container')
  const limit = limitWords(counts)
  if (total === 0) return `no container runs${limit}`
  if (open === 0) return `nobody: ${containers}, and all deny it${limit}`
  const after = `${unreached.length} of them also after a restart`
  return `${open} of ${containers} can still make it; ${after}${doubtWords(counts, 'them')}${limit}`
}

/**
 * Returns the words of the button, and the question, that confirm a block.
 * @param impact the answer of its dry run: whom the block hits, as far as a hub said it
 */
export function confirmWords(impact: object): string {
  const { users: hit } = impact as { users?: { workloads?: readonly unknown[] } }
  const users = hit?.workloads?.length
  if (users === undefined) return 'Block, though it is not known who uses it'
  return users === 0
    ? 'Block: no workload is known to use it'
    : `Block in ${plural(users, 'workload')}`
}
