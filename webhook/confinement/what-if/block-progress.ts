import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { answersOf, type FilterAnswers } from '../../../src/seccomp/filter/filter-answers.js'
import type { ContainerView } from '../containers/container-views.js'
import { containerRef } from '../ladder/ladder-routes.js'

/** What a block has to know of the fleet. */
export interface BlockSources {
  views: { list(): ContainerView[] }
  sources: { hub: { bytes(digest: string): Promise<Buffer | undefined> } }
}

/** How far a block has come among what runs. */
export interface BlockProgress {
  /** Under revisions of ours, and not proven to refuse it: they keep it until they restart. */
  restart: ReturnType<typeof containerRef>[]
  /** Containers under revisions of ours, and how many percent of them refuse it. */
  total: number
  done: number
  /** Containers under nothing of ours: a block does not reach them. */
  beyond: number
}

type BlockedRule = { name: string; args?: unknown[] | undefined }

/** What revisions let through, each read once while something runs under it. */
function createReader(bytesOf: BlockSources['sources']['hub']['bytes']) {
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
 * Whether a filter may still let a blocked call through. By its name alone that is sure; of a call that is blocked
 * in part, what is let through whatever its arguments are is surely open, and the rest may be while there is a
 * newer revision.
 */
function isOpen(answers: FilterAnswers, { name, args = [] }: BlockedRule, stale: boolean): boolean {
  if (!answers.sometimes(name)) return false
  return args.length === 0 || answers.always(name) || stale
}

export function createBlockProgress({ views, sources }: BlockSources) {
  const read = createReader((digest) => sources.hub.bytes(digest))
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
