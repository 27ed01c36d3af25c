import type { Condition } from '../../../src/api/seccomp-profile.js'
import { listed, plural } from '../../../src/lib/plural.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import { givenRevisions } from '../../../src/rules/resolve.js'
import type { RenderOptions } from '../../../src/seccomp/render/render.js'

/** Readiness is the number of counted nodes that have a revision, and the others. */
export interface Readiness {
  ready: number
  total: number
  waiting: string[]
  failed: { node: string; code: string; message: string }[]
  /** Returns the first of `waiting`, without going through the rest of the nodes. */
  first?: (most: number) => string[]
  /** All nodes without the revision, also those that do not count; undefined where nodes are no objects. */
  lacking?: readonly string[]
  /** The replicas of the webhook; undefined: the only one is the process of the hub. */
  replicas?: ReplicaReadiness | undefined
  /** Which of the revisions of a profile it is about, in a sentence; absent: its newest one. */
  what?: string
}

/** ServedState is what decides which revision new pods get of a profile, and in which mode. */
export type ServedState = Pick<ProfileState, 'enforce' | 'audit' | 'ladder' | 'labelMode'>

/** ReplicaReadiness is the number of ready webhook replicas that give new pods a revision, and the names of the others. */
export interface ReplicaReadiness {
  serving: number
  total: number
  /** Replicas that have reported lately, and not this revision in this mode. */
  waiting: readonly string[]
  /** Replicas of which no report is known, or only an old one. */
  silent: readonly string[]
  /** Number of replicas that are not ready: they get no reviews. */
  unready: number
  /** No replica is ready, and the active hub has begun too lately to say that this lasts: replicas begin when it does. */
  isStarting?: boolean
}

/** FleetState is the fleet at one moment, as renderings and readiness need it. */
export interface FleetState {
  rendering: Pick<RenderOptions, 'runtimes' | 'machine'>
  /** Returns the readiness of the revision with that path. */
  readiness(path: string): Readiness
  /** Returns the replicas of the webhook that serve a profile as it is now; absent where no other than this one is known. */
  replicas?(state: ServedState): ReplicaReadiness
  /** Names of all nodes, where they are objects of a cluster. */
  nodes?: ReadonlySet<string>
}

/** Returns whether every node that could run a pod has the file. Without nodes nothing is known, so it returns false. */
export function isReady({ ready, total }: Readiness): boolean {
  return total > 0 && ready === total
}

/** Returns the readiness of one revision; nobody has one that must not be used as it is. */
function readinessOf(
  { what, revision }: ReturnType<typeof givenRevisions>[number],
  fleet: FleetState
): Readiness {
  const readiness = { ...fleet.readiness(revision.path), what }
  if (revision.ready || !isReady(readiness)) return readiness
  const { total, failed } = readiness
  return { ready: 0, total, failed, waiting: [...(fleet.nodes ?? [])], what }
}

const inOrder = ({ failed, total, ready }: Readiness): number =>
  failed.length > 0 ? -total - 1 : ready - total

/**
 * Returns the readiness of what new containers may get of a profile: of the revision that the fewest nodes have, and of the
 * replicas that serve it.
 */
export function readinessOfProfile(state: ServedState, fleet: FleetState): Readiness {
  const all = givenRevisions(state).map((one) => readinessOf(one, fleet))
  const [worst = { ready: 0, total: 0, waiting: [], failed: [] }] = all.sort(
    (left, right) => inOrder(left) - inOrder(right)
  )
  return { ...worst, replicas: fleet.replicas?.(state) }
}

/** Returns whether no replica of a webhook gets reviews: new pods then get nothing, or are rejected. */
const hasNoReplica = ({ total, unready }: ReplicaReadiness): boolean => total === 0 && unready > 0

/** Returns whether every webhook replica gives new pods the revision. */
export function isServed({ replicas }: Readiness): boolean {
  if (replicas === undefined) return true
  return replicas.serving === replicas.total && !hasNoReplica(replicas)
}

/** Returns the readiness without what is not known yet of replicas that begin: what was said of them before is left as it is. */
export function withoutStarting(readiness: Readiness): Readiness {
  return readiness.replicas?.isStarting === true ? { ...readiness, replicas: undefined } : readiness
}

const mostNamed = 3

/** Returns the waiting nodes in words: the first ones by name, and how many more. */
export function waitingText(readiness: Readiness): string {
  const { ready, total, failed } = readiness
  const count = total - ready - failed.length
  if (count <= 0) return ''
  const names = readiness.first?.(mostNamed) ?? readiness.waiting.slice(0, mostNamed)
  return listed(names, mostNamed, count)
}

/** Returns the replicas that do not serve the revision in words; empty: all of them do. */
export function unservedText({ replicas }: Readiness): string {
  if (replicas === undefined) return ''
  const { total, waiting, silent, unready } = replicas
  if (hasNoReplica(replicas)) {
    return `no webhook replica is ready (of ${unready}): new pods get nothing from it`
  }
  const sentence = (names: readonly string[], [one, many]: readonly [string, string]): string[] => {
    const count = `${names.length} of ${plural(total, 'webhook replica')}`
    const does = names.length === 1 ? `does not ${one}` : `do not ${many}`
    return names.length === 0 ? [] : [`${count} ${does}: ${listed(names, mostNamed)}`]
  }
  const earlier =
    silent.length === 0 ? '' : ' (one of an earlier version never does, until it is replaced)'
  return (
    [
      ...sentence(waiting, ['serve it yet', 'serve it yet']),
      ...sentence(silent, ['report what it serves', 'report what they serve'])
    ].join('; ') + earlier
  )
}

/** Returns the nodes that have the revision in words, where every one does. */
const completeText = (total: number, what: string): string =>
  total === 1 ? `the one node has ${what}` : `all ${total} nodes have ${what}`

/**
 * Returns the Ready condition. Reasons: AllNodesReady, WaitingForNodes, WaitingForReplicas, NoNodes, NodeReportsError.
 * Messages hold no times, so that an unchanged state is an unchanged condition.
 */
export function readyCondition(
  readiness: Readiness,
  generation: number
): Omit<Condition, 'lastTransitionTime'> {
  const { ready, total, failed, what = 'the revision' } = readiness
  const base = { type: 'Ready', observedGeneration: generation }
  const [first] = failed
  if (first !== undefined) {
    const others = failed.length > 1 ? ` (and ${plural(failed.length - 1, 'more node')})` : ''
    const message = `${first.node}: ${first.message} (${first.code})${others}`
    return { ...base, status: 'False', reason: 'NodeReportsError', message }
  }
  if (total === 0) {
    const message = 'no node is known yet; start a satellite'
    return { ...base, status: 'False', reason: 'NoNodes', message }
  }
  if (ready < total) {
    const have = `${ready} of ${plural(total, 'node')} ${ready === 1 ? 'has' : 'have'}`
    const message = `${have} ${what}; waiting for ${waitingText(readiness)}`
    return { ...base, status: 'False', reason: 'WaitingForNodes', message }
  }
  if (!isServed(readiness)) {
    const message = `${completeText(total, 'the revision')}; ${unservedText(readiness)}`
    return { ...base, status: 'False', reason: 'WaitingForReplicas', message }
  }
  return { ...base, status: 'True', reason: 'AllNodesReady', message: completeText(total, 'it') }
}
