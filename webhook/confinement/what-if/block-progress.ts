import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { answersOf, type FilterAnswers } from '../../../src/seccomp/filter/filter-answers.js'
import { filterInSlices, Slices } from '../../../src/lib/slices.js'
import { ownProfileOf } from '../../../src/seccomp/render/own.js'
import { answersLikeDefault, runsLikeDefault } from '../containers/like-default.js'
import { unlistedNodes } from '../containers/missing-nodes.js'
import type { ConfinementSources } from '../containers/sources.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-views.js'
import { containerRef, givenProfile } from '../containers/restart-command.js'

/** BlockSources is what a block's progress is computed from. */
interface BlockSources {
  views: Pick<Confinement['views'], 'list' | 'decided'>
  profile: Confinement['profile']
  sources: Pick<ConfinementSources, 'snapshot'> & {
    hub: Pick<ConfinementSources['hub'], 'bytes' | 'inventory' | 'nodes'>
  }
}

/** BlockProgress is how many running containers deny a blocked syscall, and who can still make it. */
export interface BlockProgress {
  /** Containers that may make the syscall until they restart. */
  restart: ReturnType<typeof containerRef>[]
  /** Containers that may make the syscall, and a restart does not change that. */
  unreached: (ReturnType<typeof containerRef> & {
    /** A phrase that follows the container's name. */
    why: string
  })[]
  /** All running containers that are known. */
  total: number
  /** The percentage of them that denies the syscall. Absent without a container: there is no percentage of none. */
  done?: number
  /** Nodes that have not reported what runs there: its containers are in no number. */
  missingNodes: number
}

type BlockedRule = { name: string; args?: unknown[] | undefined }

type Answers = Pick<FilterAnswers, 'always' | 'sometimes'>

/** Returns the filters of revisions. Each is read once while a container runs under it. */
function createFilterReader(bytesOf: BlockSources['sources']['hub']['bytes']) {
  let known = new Map<string, FilterAnswers>()
  return async (digests: ReadonlySet<string>): Promise<ReadonlyMap<string, FilterAnswers>> => {
    const now = new Map<string, FilterAnswers>()
    for (const digest of digests) {
      const before = known.get(digest)
      const bytes =
        before === undefined ? (ownProfileOf(digest)?.json ?? (await bytesOf(digest))) : undefined
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
function isOpen(answers: Answers, { name, args = [] }: BlockedRule, stale: boolean): boolean {
  if (!answers.sometimes(name)) return false
  return args.length === 0 || answers.always(name) || stale
}

const isGoverned = ({ state }: ContainerView): boolean => state === 'enforced' || state === 'audit'

/**
 * Returns the filter in force in a container, or undefined where it is not known or there is none. The revision of a
 * container that is not governed is the one that was promised to it.
 */
function answersIn(
  view: ContainerView,
  revisions: ReadonlyMap<string, FilterAnswers>,
  { inventory }: BlockSources['sources']['hub']
): Answers | undefined {
  const running = inventory.get(view.key)
  if (isGoverned(view)) return revisions.get(view.revision)
  if (running === undefined) return undefined
  const isDefault = view.state === 'runtime-default' || runsLikeDefault(running)
  return isDefault ? answersLikeDefault(running) : undefined
}

/** Returns why a restart does not bring the block to a container; undefined if it does. */
function whyUnreached(
  view: ContainerView,
  { inventory }: BlockSources['sources']['hub'],
  outcomeOf: () => string | undefined
): string | undefined {
  if (view.state === 'not-protectable') return 'is privileged: no filter applies to it'
  if (isGoverned(view) && ownProfileOf(view.revision) !== undefined)
    return 'runs under the profile that Secco ships, which a block does not change'
  if (isGoverned(view) || view.wanted !== '') return undefined
  if (outcomeOf() === 'kept') return "keeps its author's Localhost profile"
  if (view.state === 'runtime-default' && inventory.get(view.key)?.beyondDefault === undefined)
    return `runs under RuntimeDefault, and ${view.node} does not report what that allows there: update its satellite`
  return view.state === 'unconfined'
    ? 'is unconfined, and no rule gives it a profile'
    : 'runs under a profile that a block does not change, and no rule gives it another'
}

export function createBlockProgress({ views, sources, profile }: BlockSources) {
  const read = createFilterReader((digest) => sources.hub.bytes(digest))
  return async (rules: readonly BlockedRule[]): Promise<BlockProgress> => {
    const all = views.list().filter(({ state }) => state !== 'starting')
    const governed = all.filter(isGoverned)
    const revisions = await read(new Set(governed.map(({ revision }) => revision)))
    const open = await filterInSlices(all, (view) => {
      const answers = answersIn(view, revisions, sources.hub)
      return rules.some((rule) => answers === undefined || isOpen(answers, rule, view.stale))
    })
    const restart: BlockProgress['restart'] = []
    const unreached: BlockProgress['unreached'] = []
    const slices = new Slices()
    for (const view of open) {
      await slices.pause()
      const outcomeOf = () => views.decided(view.key)?.decision.containers[0]?.outcome
      const why = whyUnreached(view, sources.hub, outcomeOf)
      const own = profile(view.profile === '' ? view.learned : view.profile)
      const ref = containerRef(view, givenProfile({ sources }, own))
      if (why === undefined) restart.push(ref)
      else unreached.push({ ...ref, why })
    }
    const total = all.length
    const done = Math.floor((100 * (total - open.length)) / total)
    const missingNodes = unlistedNodes(sources)
    return { restart, unreached, total, ...(total === 0 ? {} : { done }), missingNodes }
  }
}
