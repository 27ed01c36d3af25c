/**
 * This module keeps which nodes record and report denials. A workload without denials is only known to need none on nodes that
 * recorded the whole time, so canaries and policies ask here before they take a profile on.
 */
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { LadderMode } from '../../../src/rules/profile-state.js'
import type { NodeState } from '../../hub/nodes/node-state.js'
import type { ContainerView, ContainerViews } from './container-view.js'

/** A node that does not record denials. */
export interface NotRecording {
  node: string
  /** A phrase that follows the node's name. */
  why: string
}

const mostRevisions = 10_000

/** Recorded runs of a revision on a node: when the first one began, and when one was last seen. */
interface RecordedRuns {
  first: number
  last: number
}

/** The part of a node's state that decides whether it records denials. */
type RecordingState = Pick<NodeState, 'connected' | 'status'>

const notConnected = 'is not connected'

/** Returns false for a node that is only disconnected: it returns, and then reports what it recorded. */
export const isLasting = ({ why }: NotRecording): boolean => why !== notConnected

/** Returns why a node does not report denials of such revisions, or undefined if it does. */
export function whyNotRecording(
  node: RecordingState | undefined,
  mode: LadderMode
): string | undefined {
  if (node?.connected !== true) return notConnected
  const { record = '', attached = false, tracingUnavailable = '' } = node.status ?? {}
  if (record === 'off') return 'records nothing (--record off)'
  if (tracingUnavailable !== '') return `cannot trace: ${tracingUnavailable}`
  // It may be attached for another container, but not for as long as this one runs.
  if (record === 'unprofiled' && mode === 'enforce') {
    return 'does not record enforced containers (--record unprofiled)'
  }
  return attached ? undefined : 'has nothing attached'
}

/** Pinned programs record on while the satellite is away; it reports the denials when it returns. */
const isPinned = ({ status }: RecordingState): boolean =>
  status?.capabilities.some(({ name, works }) => name === 'pin' && works) === true

/** Returns whether denials on the node are lost now: nothing will report them later. */
function losesDenials(node: RecordingState, mode: LadderMode): boolean {
  if (!node.connected) return !isPinned(node)
  return whyNotRecording(node, mode) !== undefined
}

interface RecordingSources {
  nodes: () => readonly NodeState[]
  /** Returns the current state of one node. */
  node: (name: string) => RecordingState | undefined
  views: Pick<ContainerViews, 'list' | 'onChange'>
  /** Returns whether a container runs under a revision in audit. */
  isAudit: (view: ContainerView) => boolean
  now: () => number
}

/** DenialRecording keeps which nodes record denials, and since when. */
export class DenialRecording {
  /** When a node was last seen losing denials, by node and mode. */
  readonly #lostUntil = new Map<string, number>()
  /** Runs in audit on recording nodes, by profile and revision and then by node. */
  readonly #recorded = new Map<string, Map<string, RecordedRuns>>()
  /** Containers in audit, by key. */
  readonly #running = new Map<string, ContainerView>()
  /** Revisions without a recorded run at the last scan. */
  readonly #unrecordedRevisions = new Map<string, NotRecording>()
  readonly #stop: () => void

  readonly #sources: RecordingSources

  constructor(sources: RecordingSources) {
    this.#sources = sources
    // Nodes that an earlier hub knew may not be connected yet.
    this.scan()
    for (const view of sources.views.list()) this.#noteContainer(view)
    this.#stop = sources.views.onChange((changed, gone) => {
      for (const view of changed) this.#noteContainer(view)
      for (const { key } of gone) this.#running.delete(key)
    })
  }

  /** Reads how the nodes are now, and which containers run in audit. */
  scan(): void {
    const nodes = this.#sources.nodes()
    this.#forgetOtherNodes(new Set(nodes.map(({ name }) => name)))
    for (const node of nodes) {
      this.#noteNode(node.name, node, 'enforce')
      // With --record unprofiled a node attaches when a container in audit starts: before that there is no denial.
      if (node.status?.record !== 'unprofiled') this.#noteNode(node.name, node, 'audit')
    }
    this.#unrecordedRevisions.clear()
    for (const view of this.#running.values()) this.#noteRun(view)
    for (const { node, profile, revision } of this.#running.values()) {
      if (this.whyNot(node, 'audit') === undefined) {
        this.#unrecordedRevisions.delete(`${profile} ${revision}`)
      }
    }
  }

  /** Returns why the node does not record denials of such revisions, or undefined if it does. */
  whyNot(node: string, mode: LadderMode): string | undefined {
    return whyNotRecording(this.#sources.node(node), mode)
  }

  /** Returns until when the node was seen not recording, in milliseconds; 0: never. */
  since(node: string, mode: LadderMode): number {
    return this.#lostUntil.get(`${node} ${mode}`) ?? 0
  }

  /**
   * Returns since when a recording node has run the profile's revision in audit: the earliest such time, but not
   * before `from` nor before the first run on the node. Undefined if no node records it.
   */
  auditSince(profile: string, digest: string, from: number): number | undefined {
    const runs = [...(this.#recorded.get(`${profile} ${digest}`) ?? [])]
    const times = runs
      .filter(([node, { last }]) => last >= from && this.whyNot(node, 'audit') === undefined)
      .map(([node, { first }]) => Math.max(from, first, this.since(node, 'audit')))
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Returns a node that runs the revision in audit without recording, if no node records it. */
  unrecorded(profile: string, digest: string): NotRecording | undefined {
    const node = this.#unrecordedRevisions.get(`${profile} ${digest}`)
    return node !== undefined && isLasting(node) ? node : undefined
  }

  close(): void {
    this.#stop()
  }

  #noteNode(name: string, state: RecordingState, mode: LadderMode): void {
    if (losesDenials(state, mode)) this.#lostUntil.set(`${name} ${mode}`, this.#sources.now())
  }

  #noteContainer(view: ContainerView): void {
    this.#running.delete(view.key)
    if (!this.#sources.isAudit(view)) return
    this.#running.set(view.key, view)
    // The run may end before the next scan.
    this.#noteRun(view)
  }

  #noteRun(view: ContainerView): void {
    const { node: name, profile, revision } = view
    // The state of now: a node attaches for a container just before it reports the container.
    const node = this.#sources.node(name)
    if (node === undefined) return
    this.#noteNode(name, node, 'audit')
    const why = whyNotRecording(node, 'audit')
    if (why === undefined) this.#noteRecordedRun(view)
    else this.#noteUnrecordedRun(`${profile} ${revision}`, { node: name, why })
  }

  #noteRecordedRun({ node, profile, revision, startedAt }: ContainerView): void {
    const key = `${profile} ${revision}`
    const now = this.#sources.now()
    const runs = this.#recorded.get(key) ?? new Map<string, RecordedRuns>()
    const began = Math.min(now, Date.parse(startedAt) || now)
    const first = Math.min(runs.get(node)?.first ?? began, began)
    this.#recorded.delete(key)
    this.#recorded.set(key, runs.set(node, { first, last: now }))
    dropOldest(this.#recorded, mostRevisions)
  }

  #noteUnrecordedRun(key: string, node: NotRecording): void {
    const before = this.#unrecordedRevisions.get(key)
    if (before === undefined || !isLasting(before)) this.#unrecordedRevisions.set(key, node)
  }

  #forgetOtherNodes(known: ReadonlySet<string>): void {
    for (const key of this.#lostUntil.keys()) {
      if (!known.has(key.slice(0, key.indexOf(' ')))) this.#lostUntil.delete(key)
    }
    for (const [key, runs] of this.#recorded) {
      for (const node of runs.keys()) if (!known.has(node)) runs.delete(node)
      if (runs.size === 0) this.#recorded.delete(key)
    }
  }
}
