import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { answersOf, type FilterAnswers } from '../../../src/seccomp/filter/filter-answers.js'
import type { ContainerView } from '../containers/container-views.js'
import { containerRef } from '../containers/restart-command.js'

/** BlockSources is what a block's progress is computed from. */
interface BlockSources {
  views: { list(): ContainerView[] }
  sources: { hub: { bytes(digest: string): Promise<Buffer | undefined> } }
}

/** BlockProgress is how many running containers an emergency block has reached. */
export interface BlockProgress {
  /** Containers under Secco's revisions that may still make the syscall, until they restart. */
  restart: ReturnType<typeof containerRef>[]
  /** Containers under Secco's revisions. */
  total: number
  /** The percentage of them that denies the syscall. */
  done: number
  /** Containers under other profiles or none: a block does not reach them. */
  beyond: number
}

type BlockedRule = { name: string; args?: unknown[] | undefined }

/** Returns the filters of revisions. Each is read once while a container runs under it. */
function createFilterReader(bytesOf: BlockSources['sources']['hub']['bytes']) {
  let known = new Map<string, FilterAnswers>()
  return async (digests: ReadonlySet<string>): Promise<ReadonlyMap<string, FilterAnswers>> => {
    const now = new Map<string, FilterAnswers>()
    for (const digest of digests) {
      const before = known.get(digest)
      const bytes = before === undefined ? await bytesOf(digest) : undefined
      if (before !== undefined) now.set(digest, before)
      else if (bytes !== undefined)
        now.set(digest, answersOf(JSON.parse(bytes.toString()) as LinuxSeccomp))
    }
    known = now
    return now
  }
}

/**
 * Returns whether a filter may still allow a blocked syscall. For a syscall that is blocked by name that is certain.
 * If only some arguments are blocked, a filter that allows all arguments is open, and another filter may be open
 * while there is a newer revision.
 */
function isOpen(answers: FilterAnswers, { name, args = [] }: BlockedRule, stale: boolean): boolean {
  if (!answers.sometimes(name)) return false
  return args.length === 0 || answers.always(name) || stale
}

export function createBlockProgress({ views, sources }: BlockSources) {
  const read = createFilterReader((digest) => sources.hub.bytes(digest))
  return async (rules: readonly BlockedRule[]): Promise<BlockProgress> => {
    const all = views.list()
    const governed = all.filter(({ state }) => state === 'enforced' || state === 'audit')
    const starting = all.filter(({ state }) => state === 'starting').length
    const revisions = await read(new Set(governed.map(({ revision }) => revision)))
    const open = governed.filter(({ revision, stale }) => {
      const answers = revisions.get(revision)
      return rules.some((rule) => answers === undefined || isOpen(answers, rule, stale))
    })
    const total = governed.length
    const done = total === 0 ? 100 : Math.floor((100 * (total - open.length)) / total)
    return { restart: open.map(containerRef), total, done, beyond: all.length - total - starting }
  }
}
