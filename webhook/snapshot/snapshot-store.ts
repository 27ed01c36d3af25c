import type { NodeFacts } from '../../src/rules/node-facts.js'
import type { LadderState, ProfileState, RevisionState } from '../../src/rules/profile-state.js'
import {
  buildSnapshot,
  compileForSnapshot,
  type Snapshot,
  type SnapshotSource
} from '../../src/rules/snapshot.js'
import { Listeners } from '../../src/lib/listeners.js'
import type { ClusterView } from '../cluster/watch/cluster-view.js'
import type { ObjectCache } from './object-cache.js'
import type { StateSource } from './state-source.js'

/** SnapshotStore holds the snapshot that decisions read; it is rebuilt when rules, readiness, nodes or namespaces change. */
export interface SnapshotStore {
  current(): Snapshot
  /** Calls the listener after each new snapshot. Returns a function that stops this. */
  onChange(listener: () => void): () => void
  stop(): void
}

/** Adds nodes to the states that joined after the states were computed: such a node has no file yet. */
export function withNewcomers(
  states: readonly ProfileState[],
  nodes: Iterable<string>,
  covered: ReadonlySet<string> | undefined
): readonly ProfileState[] {
  if (covered === undefined) return states
  const newcomers = [...nodes].filter((name) => !covered.has(name))
  if (newcomers.length === 0) return states
  const without = (revision: RevisionState | undefined): RevisionState | undefined =>
    revision && { ...revision, ready: false, lacking: [...(revision.lacking ?? []), ...newcomers] }
  return states.map((state) => {
    const { enforce, audit, previous, ladder, ...rest } = state
    const lacking = {
      enforce: without(enforce),
      audit: without(audit),
      previous: without(previous),
      ladder: ladder && withoutLadder(ladder, without)
    }
    const present = Object.entries(lacking).filter(([, part]) => part !== undefined)
    return { ...rest, ...(Object.fromEntries(present) as Partial<ProfileState>) }
  })
}

function withoutLadder(
  ladder: LadderState,
  without: (revision: RevisionState | undefined) => RevisionState | undefined
): LadderState {
  const revision = without(ladder.revision)
  const { canary } = ladder
  const from = without(canary?.from.revision)
  return {
    ...ladder,
    ...(revision === undefined ? {} : { revision }),
    ...(canary === undefined || from === undefined
      ? {}
      : { canary: { ...canary, from: { ...canary.from, revision: from } } })
  }
}

/**
 * Starts a store that follows the objects, the states of profiles and, in a cluster, nodes and namespaces. Changes
 * are collected for `debounceMs`, then the new snapshot replaces the old one in one assignment, so a decision sees
 * either all of a change or none of it.
 */
export function startSnapshotStore(
  objects: ObjectCache,
  states: StateSource,
  options: NonNullable<SnapshotSource['options']>,
  view?: ClusterView,
  debounceMs = 20
): SnapshotStore {
  const listeners = new Listeners()
  let rules = compileForSnapshot(objects.rules())
  let surroundings = {}
  let areRulesNew = false
  const build = (): Snapshot => {
    if (areRulesNew) rules = compileForSnapshot(objects.rules())
    areRulesNew = false
    const nodes = new Map<string, NodeFacts>(view?.nodes())
    return buildSnapshot({
      ...{ rules, surroundings },
      profiles: withNewcomers([...states.profiles().values()], nodes.keys(), states.covered()),
      within: (inner, outer) => states.within(inner, outer),
      options,
      nodes,
      ...(view === undefined ? {} : { namespaces: view.namespaces() })
    })
  }
  let snapshot = build()
  let timer: NodeJS.Timeout | undefined
  const rebuild = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      snapshot = build()
      listeners.notify()
    }, debounceMs)
  }
  const surroundingsChanged = (): void => {
    surroundings = {}
    rebuild()
  }
  objects.onRule(() => {
    areRulesNew = true
    surroundingsChanged()
  })
  const stops = [
    states.onChange(rebuild),
    view?.onChange(({ kind }) => {
      if (kind !== 'pod') surroundingsChanged()
    })
  ]
  return {
    current: () => snapshot,
    onChange: listeners.add,
    stop: () => {
      for (const stop of stops) stop?.()
      clearTimeout(timer)
      listeners.clear()
    }
  }
}
