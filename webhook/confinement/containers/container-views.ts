import type { ContainerView, ContainerViews } from './container-view-types.js'
import type { ContainerDecision } from '../../../src/rules/decision.js'
import { decide } from '../../../src/rules/decide.js'
import { assignedOf } from '../../../src/confinement/assigned.js'
import {
  type ConfinementFacts,
  driftOf,
  riskOfState,
  stateOf
} from '../../../src/confinement/state.js'
import { revisionPath } from '../../../src/rules/profile-state.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { namedRevision, shortRevision } from '../../../src/rules/revision-names.js'
import { bitsIn, rowWords } from '../../hub/nodes/used-sets.js'
import { abis } from '../../../src/syscalls/abi.js'
import { factsOf, whoIs } from './pod-facts.js'
import type { RevisionIndex } from './revision-index.js'
import type { TruthSources } from './sources.js'
import { unprotectedOf } from './unprotected.js'

export type { ContainerView, ContainerViews } from './container-view-types.js'

interface Entry {
  running: Running
  view: ContainerView
  text: string
}

/** Changes of rules and profiles are worked out for all, so many containers per turn. */
const slice = 1000
const settleMs = 100
const denialsEveryMs = 500
const mostRuns = 100_000

function pathOf({ profile, digest }: { profile: string; digest: string }): string {
  const [namespace = '', name = ''] = profile.split('/')
  return revisionPath(namespace, name, digest)
}

function wantedOf(decision: ContainerDecision | undefined): string {
  return decision?.outcome === 'assigned' ? (decision.revision ?? '') : ''
}

export function createContainerViews(
  sources: TruthSources,
  index: () => RevisionIndex
): ContainerViews {
  const { hub } = sources
  const entries = new Map<string, Entry>()
  const listeners = new Set<
    (changed: readonly ContainerView[], gone: readonly ContainerView[]) => void
  >()
  /** How often a container of one name was seen to begin: of a pod, or of a name on a node. */
  const runs = new Map<string, { keys: Set<string> }>()
  /** `node id` of those of which a call was refused. */
  const grown = new Set<string>()
  /** Ids by uid of the pod. */
  const ofPod = new Map<string, Set<string>>()
  let timer: NodeJS.Timeout | undefined
  let refreshing = false
  let again = false
  let closed = false

  function placeOf(running: Running): string {
    const { container, node } = running
    const own = container?.name ?? ''
    return (container?.podUid ?? '') === '' ? `${node} ${own}` : `${container?.podUid ?? ''} ${own}`
  }

  function restartsOf(running: Running): number {
    const place = placeOf(running)
    const known = runs.get(place) ?? { keys: new Set<string>() }
    if (known.keys.size < 256) known.keys.add(running.id)
    runs.set(place, known)
    const [oldest] = runs.keys()
    if (runs.size > mostRuns && oldest !== undefined) runs.delete(oldest)
    return known.keys.size - 1
  }

  function syscallsOf(id: string): number {
    const row = hub.sets.rowOf(id)
    if (row === undefined) return 0
    let sum = 0
    for (const abi of abis) {
      const words = hub.sets.rows(abi)
      for (let at = row * rowWords; at < (row + 1) * rowWords; at += 1)
        sum += bitsIn(words[at] ?? 0)
    }
    return sum
  }

  function decideFor(running: Running) {
    const who = whoIs(running, sources.pod(running.container?.podUid ?? ''))
    const annotated = assignedOf(who.assigned, running.container?.name ?? '')
    const revision = index().of(running, annotated)
    const given = revision === undefined ? '' : pathOf(revision)
    const decision = decide(sources.snapshot(), factsOf(running, who, given))
    return { who, annotated, revision, decision }
  }

  function make(running: Running, before: ContainerView | undefined): ContainerView {
    const now = new Date(sources.now()).toISOString()
    const { who, annotated, revision, decision } = decideFor(running)
    const container = running.container
    const told = namedRevision(running.assigned)
    const assigned = annotated !== undefined && annotated.revision !== '' ? annotated : undefined
    const assignedDigest = assigned?.revision ?? told?.digest ?? ''
    const promised = assigned?.profile ?? told?.profile ?? ''
    const facts: ConfinementFacts = { ...running, assignedDigest }
    const { state, why } = stateOf(
      facts,
      revision === undefined
        ? undefined
        : { short: shortRevision(revision.profile, revision.digest), mode: revision.mode }
    )
    const declaredName =
      assignedDigest !== ''
        ? shortRevision(promised, assignedDigest)
        : revision === undefined
          ? running.declared
          : shortRevision(revision.profile, revision.digest)
    const drift = driftOf(facts, declaredName).map((one) => ({
      ...one,
      since: before?.drift.find(({ kind }) => kind === one.kind)?.since ?? now
    }))
    const own = decision.containers[0]
    const wanted = wantedOf(own) || newestOf(revision)
    const profile = revision?.profile ?? promised
    const digest = revision?.digest ?? assignedDigest
    const counts = hub.denialRows.ofContainer(running.node, container?.id ?? '', running.startedAt)
    return {
      ...{ key: running.id, node: running.node, runtime: container?.runtime ?? '' },
      ...{ id: container?.id ?? '', name: container?.name ?? '', namespace: who.namespace },
      ...{ pod: who.pod, podUid: container?.podUid ?? '', image: container?.image ?? '' },
      pid: running.pid,
      workload: `${who.workload.kind}/${who.workload.name}`,
      ...{ state, why, profile, learned: who.learned, revision: digest, wanted },
      stale: digest !== '' && wanted !== '' && digest !== wanted,
      canary: own?.canary === true && wanted === digest,
      ephemeral: who.ephemeral,
      drift,
      unprotected: unprotectedOf({ running, state, annotated }, own, before, now),
      ...{ checked: running.checked, disk: running.disk },
      ...counts,
      risk: riskOfState(state, running, {
        revision: revision === undefined ? undefined : index().riskOf(revision.digest),
        runtimeDefault: index().runtimeDefaultRisk
      }),
      restarts: restartsOf(running),
      syscalls: 0,
      startedAt: running.startedAt,
      since: before?.state === state ? before.since : before === undefined ? running.startedAt : now
    }
  }

  /** Without a rule: the newest rendering of the profile that it runs under, in the same mode. */
  function newestOf(revision: ReturnType<RevisionIndex['of']>): string {
    if (revision === undefined) return ''
    return hub.profiles().get(revision.profile)?.[revision.mode]?.digest ?? ''
  }

  function put(running: Running | undefined): ContainerView | undefined {
    if (running === undefined) return undefined
    const before = entries.get(running.id)
    const view = make(running, before?.view)
    const text = JSON.stringify(view)
    if (before?.text === text) {
      before.running = running
      return undefined
    }
    entries.set(running.id, { running, view, text })
    if (view.podUid !== '') {
      ofPod.set(view.podUid, (ofPod.get(view.podUid) ?? new Set()).add(running.id))
    }
    return view
  }

  function drop(id: string): ContainerView | undefined {
    const view = entries.get(id)?.view
    entries.delete(id)
    const others = ofPod.get(view?.podUid ?? '')
    others?.delete(id)
    if (others?.size === 0) ofPod.delete(view?.podUid ?? '')
    return view
  }

  function tell(changed: readonly ContainerView[], gone: readonly ContainerView[]): void {
    if (changed.length + gone.length === 0) return
    for (const listener of [...listeners]) listener(changed, gone)
  }

  /** Everything again, in slices: rules, profiles, revisions, nodes or namespaces changed. */
  function refreshAll(): void {
    timer = undefined
    refreshing = true
    index().refresh()
    const all = [...entries.values()].map(({ running }) => running)
    const turn = (from: number): void => {
      if (closed) return
      tell(
        all
          .slice(from, from + slice)
          .filter(({ id }) => entries.has(id))
          .flatMap((running) => put(running) ?? []),
        []
      )
      if (from + slice < all.length) {
        setImmediate(turn, from + slice)
        return
      }
      refreshing = false
      if (!again) return
      again = false
      later()
    }
    turn(0)
  }

  function later(): void {
    if (closed) return
    if (refreshing) again = true
    else timer ??= setTimeout(refreshAll, settleMs)
  }
  const leaves = [
    hub.inventory.onChange(({ changed, gone }) => {
      const left = gone.flatMap(({ id }) => drop(id) ?? [])
      tell(
        changed.flatMap((running) => put(running) ?? []),
        left
      )
    }),
    hub.onChange(later),
    sources.onSnapshot(later),
    sources.onPod((uid) => {
      const ids = [...(ofPod.get(uid) ?? [])]
      tell(
        ids.flatMap((id) => put(entries.get(id)?.running) ?? []),
        []
      )
    }),
    hub.denialRows.onNews(({ node, container }) => grown.add(`${node} ${container}`))
  ]
  sources.onProfiles(later)
  const counting = setInterval(() => {
    if (grown.size === 0) return
    const changed = [...entries.values()]
      .filter(({ view }) => grown.has(`${view.node} ${view.id}`))
      .flatMap(({ running }) => put(running) ?? [])
    grown.clear()
    tell(changed, [])
  }, denialsEveryMs)
  counting.unref()
  for (const running of hub.inventory.all()) put(running)

  return {
    // Sets grow without being told of: counted when somebody looks.
    list: () => [...entries].map(([id, { view }]) => ({ ...view, syscalls: syscallsOf(id) })),
    get(id) {
      const view = entries.get(id)?.view
      return view === undefined ? undefined : { ...view, syscalls: syscallsOf(id) }
    },
    peek: (id) => entries.get(id)?.view,
    labelsOf(id) {
      const running = entries.get(id)?.running
      if (running === undefined) return {}
      return whoIs(running, sources.pod(running.container?.podUid ?? '')).labels
    },
    decided(id) {
      const running = entries.get(id)?.running
      return running === undefined ? undefined : decideFor(running)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    refresh: later,
    close() {
      closed = true
      clearTimeout(timer)
      clearInterval(counting)
      for (const leave of leaves) leave()
      listeners.clear()
    }
  }
}
