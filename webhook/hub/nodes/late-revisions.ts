import type { RevisionRef } from '../../../src/api/gen/hub.js'
import { Slices } from '../../../src/lib/slices.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { NodeState } from './node-state.js'
import type { FleetState, Readiness } from './readiness.js'

/** Revisions of one node that are followed at the same time, however many others lack; also the most that are reported. */
const ownPlaces = 64
/** Revisions of all nodes beyond these that are followed: a node that lacks some others each time must not hide one. */
const sharedPlaces = 65_536

interface Lack {
  sinceMs: number
  /** When the node was last found without it: a node that has it in between for a moment is still late. */
  lackedMs: number
}

/** LackingNode is what is followed of one node. */
interface LackingNode {
  /** By path. */
  lacks: Map<string, Lack>
  /** While it lacks more than has places, so that none of them may be followed for long enough. */
  crowded: Lack | undefined
}

interface LateRevisionsOptions {
  /** A connected node that lacks a revision for this long is reported. */
  lateMs: number
  nodes: { list(): readonly NodeState[] }
  revisions: {
    desired(): ReadonlyMap<string, RevisionRef>
    /** Returns the paths of the desired revisions that nobody can send to a node. */
    unavailable(): ReadonlySet<string>
  }
  fleet: () => FleetState
  /** Called when other nodes, or other profiles, are reported than before. */
  changed: () => void
  monotonicMs?: () => number
  /** Default: `sharedPlaces`. */
  sharedPlaces?: number
}

/** Returns a lack as it is after one more look; undefined once the node has had it for long. */
function lackAfter(
  before: Lack | undefined,
  isLacking: boolean,
  { now, lateMs }: { now: number; lateMs: number }
): Lack | undefined {
  if (isLacking) return { sinceMs: before?.sinceMs ?? now, lackedMs: now }
  return before !== undefined && now - before.lackedMs <= lateMs ? before : undefined
}

const sharedOf = ({ lacks }: LackingNode): number => Math.max(0, lacks.size - ownPlaces)

/**
 * LateRevisions finds the connected nodes that have lacked revisions for long. Every pod that could run on such a node
 * gets what `whenNotReady` says, wherever it runs in the end: one broken or dishonest satellite holds up the profiles of
 * the cluster, so it has to be named.
 */
export class LateRevisions {
  readonly #options: LateRevisionsOptions
  readonly #now: () => number
  readonly #nodes = new Map<string, LackingNode>()
  /** Shared places that are taken. */
  #shared = 0
  #late: ReadonlyMap<string, readonly string[]> = new Map()
  #running: Promise<void> | undefined

  constructor(options: LateRevisionsOptions) {
    this.#options = options
    this.#now = options.monotonicMs ?? (() => performance.now())
  }

  /** Returns the keys of the profiles (`profileKey`) that the node holds up. */
  of(node: string): readonly string[] {
    return this.#late.get(node) ?? []
  }

  /** Looks at all nodes. */
  scan(): Promise<void> {
    return (this.#running ??= this.#scan().finally(() => (this.#running = undefined)))
  }

  async #scan(): Promise<void> {
    const { revisions } = this.#options
    const desired = revisions.desired()
    const unavailable = revisions.unavailable()
    const fleet = this.#options.fleet()
    // Most revisions are on every node: only the others are looked for on each of them.
    const paths = [...desired.keys()].filter(
      (path) => !unavailable.has(path) && isWaitedFor(fleet.readiness(path))
    )
    const nodes = this.#options.nodes.list()
    const slices = new Slices()
    const found = new Map<string, string[]>()
    for (const node of nodes) {
      const late = this.#follow(node, paths)
      if (late.length > 0) found.set(node.name, late)
      await slices.pause()
    }
    const known = new Set(nodes.map(({ name }) => name))
    for (const name of this.#nodes.keys()) if (!known.has(name)) this.#nodes.delete(name)
    this.#shared = [...this.#nodes.values()].reduce((sum, node) => sum + sharedOf(node), 0)
    const before = this.#late
    this.#late = this.#waitedFor(found, desired)
    if (textOf(before) !== textOf(this.#late)) this.#options.changed()
  }

  /** Follows what a node lacks; returns the paths that are late. */
  #follow({ name, connected, holding, problems }: NodeState, paths: readonly string[]): string[] {
    const now = this.#now()
    const { lateMs } = this.#options
    const node = this.#nodes.get(name) ?? { lacks: new Map<string, Lack>(), crowded: undefined }
    const { lacks } = node
    // A node that is away is reported as that, and one that reports a problem with the revision too.
    const lacking = connected ? paths.filter((one) => !holding.has(one) && !problems.has(one)) : []
    const isLacking = new Set(lacking)
    for (const [path, lack] of lacks) {
      const after = lackAfter(lack, isLacking.has(path), { now, lateMs })
      if (after === undefined) lacks.delete(path)
      else lacks.set(path, after)
    }
    const hadPlaces = this.#followOthers(node, lacking, now)
    node.crowded = lackAfter(node.crowded, !hadPlaces, { now, lateMs })
    if (lacks.size === 0 && node.crowded === undefined) this.#nodes.delete(name)
    else this.#nodes.set(name, node)
    const isLate = (lack: Lack | undefined) => lack !== undefined && now - lack.sinceMs >= lateMs
    const late = lacking.filter((path) => isLate(lacks.get(path)))
    const named = isLate(node.crowded) ? new Set([...late, ...lacking]) : late
    return [...named].slice(0, ownPlaces)
  }

  /** Follows what is not followed yet of what a node lacks; returns whether there were places for all. */
  #followOthers(node: LackingNode, lacking: readonly string[], now: number): boolean {
    const { lacks } = node
    const { sharedPlaces: most = sharedPlaces } = this.#options
    const others = lacking.filter((path) => !lacks.has(path))
    const taken = sharedOf(node)
    const hasPlace = () => lacks.size < ownPlaces || this.#shared - taken + sharedOf(node) < most
    // What it has by now gives way, the youngest first. What is lacked now stays.
    const former = [...lacks].filter(([, { lackedMs }]) => lackedMs < now)
    former.sort(([, left], [, right]) => left.sinceMs - right.sinceMs)
    let hadPlaces = true
    for (const path of others) {
      if (!hasPlace()) {
        hadPlaces = false
        const [replaced] = former.pop() ?? []
        if (replaced === undefined) break
        lacks.delete(replaced)
      }
      lacks.set(path, { sinceMs: now, lackedMs: now })
    }
    this.#shared += sharedOf(node) - taken
    return hadPlaces
  }

  /** Returns the profiles that wait for each node: for a node that does not count, as with the start-up taint, none does. */
  #waitedFor(
    found: ReadonlyMap<string, readonly string[]>,
    desired: ReadonlyMap<string, RevisionRef>
  ): Map<string, readonly string[]> {
    const fleet = this.#options.fleet()
    const waiting = new Map<string, ReadonlySet<string>>()
    const late = new Map<string, readonly string[]>()
    for (const [node, paths] of found) {
      const profiles = paths.flatMap((path) => {
        const nodes = waiting.get(path) ?? new Set(fleet.readiness(path).waiting)
        waiting.set(path, nodes)
        const ref = desired.get(path)
        return ref !== undefined && nodes.has(node) ? [profileKey(ref.namespace, ref.profile)] : []
      })
      if (profiles.length > 0) late.set(node, [...new Set(profiles)].sort())
    }
    return late
  }
}

const textOf = (late: ReadonlyMap<string, readonly string[]>): string => JSON.stringify([...late])

const isWaitedFor = ({ ready, total, failed }: Readiness): boolean => ready + failed.length < total
