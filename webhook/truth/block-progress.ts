import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { answersOf, type FilterAnswers } from '../../src/seccomp/filter-answers.js'
import type { ContainerView } from './container-views.js'
import { containerRef } from './ladder-routes.js'

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

/** What a revision lets through, read once. */
function createReader(bytesOf: BlockSources['sources']['hub']['bytes']) {
  const known = new Map<string, FilterAnswers>()
  return async (digest: string): Promise<FilterAnswers | undefined> => {
    const before = known.get(digest)
    if (before !== undefined) return before
    const bytes = await bytesOf(digest)
    if (bytes === undefined) return undefined
    const answers = answersOf(JSON.parse(bytes.toString()) as LinuxSeccomp)
    known.set(digest, answers)
    return answers
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
    const open: ContainerView[] = []
    for (const view of governed) {
      const answers = await read(view.revision)
      const passes =
        answers === undefined || rules.some((rule) => isOpen(answers, rule, view.stale))
      if (passes && rules.length > 0) open.push(view)
    }
    const total = governed.length
    const done = total === 0 ? 100 : Math.floor((100 * (total - open.length)) / total)
    return { restart: open.map(containerRef), total, done, beyond: all.length - total - starting }
  }
}
