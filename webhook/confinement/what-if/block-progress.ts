import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { Slices } from '../../../src/lib/slices.js'
import {
  type BlockCheck,
  blockCheckOf,
  type Passing,
  widest
} from '../../../src/seccomp/render/block-check.js'
import { type BlockedCall, callsDeniedBy } from '../../../src/seccomp/render/emergency.js'
import { ownProfileOf } from '../../../src/seccomp/render/own.js'
import { checkLikeDefault, runsLikeDefault } from '../containers/like-default.js'
import { maxNamed, type MissingNode, missingNodesOf } from '../containers/missing-nodes.js'
import type { ConfinementSources } from '../containers/sources.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-views.js'
import { containerRef, givenProfile } from '../containers/restart-command.js'

/** BlockSources is what a block's progress is computed from. */
interface BlockSources {
  views: Pick<Confinement['views'], 'list' | 'decided'>
  profile: Confinement['profile']
  sources: Pick<ConfinementSources, 'snapshot' | 'expected'> & {
    hub: Pick<ConfinementSources['hub'], 'bytes' | 'inventory' | 'nodes'>
  }
}

/** OpenContainer is a running container that can still make a blocked syscall, or for which nobody knows that it cannot. */
export type OpenContainer = ReturnType<typeof containerRef> & {
  /** False: what its filter allows of the blocked calls is not known, so it is counted as one that allows them. */
  certain: boolean
}

/** BlockProgress is how many running containers deny a blocked syscall, and who can still make it. */
export interface BlockProgress {
  /** Containers that may make the syscall until they restart. */
  restart: OpenContainer[]
  /** Containers that may make the syscall, and a restart does not change that. */
  unreached: (OpenContainer & {
    /** A phrase that follows the container's name. */
    why: string
  })[]
  /** All running containers that are known. */
  total: number
  /** The percentage of them that denies the syscall. Absent without a container: there is no percentage of none. */
  done?: number
  /** Nodes that have not reported what runs there: its containers are in no number. */
  missingNodes: number
  /** The nodes that do not report now, at most 100: the containers of those that are listed are as they were then. */
  notReporting: MissingNode[]
}

/** Returns the filters of revisions. Each is read once while a container runs under it. */
function createFilterReader(bytesOf: BlockSources['sources']['hub']['bytes']) {
  let known = new Map<string, BlockCheck>()
  return async (digests: ReadonlySet<string>): Promise<ReadonlyMap<string, BlockCheck>> => {
    const now = new Map<string, BlockCheck>()
    const slices = new Slices()
    for (const digest of digests) {
      await slices.pause()
      const before = known.get(digest)
      const bytes =
        before === undefined ? (ownProfileOf(digest)?.json ?? (await bytesOf(digest))) : undefined
      if (before !== undefined) now.set(digest, before)
      else if (bytes !== undefined)
        now.set(digest, blockCheckOf(JSON.parse(bytes.toString()) as LinuxSeccomp))
    }
    known = now
    return now
  }
}

const isGoverned = ({ state }: ContainerView): boolean => state === 'enforced' || state === 'audit'

/**
 * Returns what the filter in force in a container allows of calls. The revision of a container that is not governed is the
 * one that was promised to it.
 */
function passingIn(
  view: ContainerView,
  calls: readonly BlockedCall[],
  revisions: ReadonlyMap<string, Passing>,
  {
    inventory,
    machines
  }: Pick<BlockSources['sources']['hub'], 'inventory'> & {
    machines: ReadonlyMap<string, string>
  }
): Passing {
  if (isGoverned(view)) return revisions.get(view.revision) ?? 'unknown'
  // There is no filter.
  if (view.state === 'not-protectable' || view.state === 'unconfined') return 'some'
  const running = inventory.get(view.key)
  const isDefault =
    running !== undefined && (view.state === 'runtime-default' || runsLikeDefault(running))
  const check = isDefault ? checkLikeDefault(running, machines.get(view.node)) : undefined
  return check === undefined ? 'unknown' : widest(calls.map(check))
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
  return async (rules: readonly BlockedCall[]): Promise<BlockProgress> => {
    const all = views.list().filter(({ state }) => state !== 'starting')
    const governed = all.filter(isGoverned)
    const calls = callsDeniedBy(rules)
    const checks = await read(new Set(governed.map(({ revision }) => revision)))
    const revisions = new Map(
      [...checks].map(([digest, check]) => [digest, widest(calls.map(check))] as const)
    )
    const { inventory } = sources.hub
    const machines = new Map(
      sources.hub.nodes().flatMap(({ name, status }) => (status ? [[name, status.arch]] : []))
    )
    const restart: BlockProgress['restart'] = []
    const unreached: BlockProgress['unreached'] = []
    const slices = new Slices()
    for (const view of calls.length === 0 ? [] : all) {
      await slices.pause()
      const passing = passingIn(view, calls, revisions, { inventory, machines })
      if (passing === 'none') continue
      const outcomeOf = () => views.decided(view.key)?.decision.containers[0]?.outcome
      const why = whyUnreached(view, sources.hub, outcomeOf)
      const own = profile(view.profile === '' ? view.learned : view.profile)
      const certain = passing === 'some'
      const ref = { ...containerRef(view, givenProfile({ sources }, own)), certain }
      if (why === undefined) restart.push(ref)
      else unreached.push({ ...ref, why })
    }
    const total = all.length
    const done = Math.floor((100 * (total - restart.length - unreached.length)) / total)
    const missing = missingNodesOf(sources)
    return {
      ...{ restart, unreached, total },
      ...(total === 0 ? {} : { done }),
      missingNodes: missing.filter(({ listed }) => !listed).length,
      notReporting: missing.slice(0, maxNamed)
    }
  }
}
