import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Rung } from '../../../src/rules/profile-state.js'
import type { NodeState } from '../../hub/nodes/nodes.js'
import type { ContainerView, ContainerViews } from '../containers/container-view-types.js'

/** Of which nodes the hub hears what is refused there. Where nobody watches, silence proves nothing. */
export interface Hearing {
  /** Takes in how the nodes are now, and which containers run in audit. */
  look(): void
  /** Why calls that such a revision refuses are not heard of; undefined: they are. */
  whyDeaf(node: string, mode: Rung): string | undefined
  /** Until when it was seen deaf to them, in milliseconds; 0: never. */
  since(node: string, mode: Rung): number
  /**
   * Since when a node is heard on which the profile's revision ran in audit, the longest of all and not before
   * `from`, nor before the first run there; undefined: nobody watched it there.
   */
  inAudit(profile: string, digest: string, from: number): number | undefined
  /** A node that does not watch what runs in audit there, where none watches it. */
  unheard(profile: string, digest: string): DeafNode | undefined
  close(): void
}

const mostRevisions = 10_000

/** Runs of a revision on a node: when the first began that was heard, and when one was heard last. */
interface Runs {
  first: number
  last: number
}

/** What a node tells of itself, as far as refused calls are concerned. */
type Told = Pick<NodeState, 'connected' | 'status'>

export interface DeafNode {
  node: string
  /** In words that follow the node's name. */
  why: string
}

const notConnected = 'is not connected'

/** One that is away for a moment comes back, and tells what it saw meanwhile. */
export const isDeafForLong = ({ why }: DeafNode): boolean => why !== notConnected

/** Why it does not tell what such a revision refuses. */
export function whyDeaf(node: Told | undefined, mode: Rung): string | undefined {
  if (node?.connected !== true) return notConnected
  const { record = '', attached = false, tracingUnavailable = '' } = node.status ?? {}
  if (record === 'off') return 'records nothing (--record off)'
  if (tracingUnavailable !== '') return `cannot trace: ${tracingUnavailable}`
  // Attached by chance, for somebody else, it will not stay so.
  if (record === 'unprofiled' && mode === 'enforce') {
    return 'does not watch what is enforced (--record unprofiled)'
  }
  return attached ? undefined : 'has nothing attached'
}

/** What is pinned records on, and a satellite that comes back tells it. */
const isPinned = ({ status }: Told): boolean =>
  status?.capabilities.some(({ name, works }) => name === 'pin' && works) === true

/** Is something missed there now that nobody will tell of? */
function missesCalls(node: Told, mode: Rung): boolean {
  if (!node.connected) return !isPinned(node)
  return whyDeaf(node, mode) !== undefined
}

interface HearingSources {
  nodes: () => readonly NodeState[]
  /** One of them, as it is now. */
  node: (name: string) => Told | undefined
  views: Pick<ContainerViews, 'list' | 'onChange'>
  /** Does a container run under a revision in audit? */
  isAudit: (view: ContainerView) => boolean
  now: () => number
}

export function createHearing({ nodes, node, views, isAudit, now }: HearingSources): Hearing {
  /** By node and mode. */
  const deafUntil = new Map<string, number>()
  /** By profile and revision: nodes where it ran in audit and was heard. */
  const heard = new Map<string, Map<string, Runs>>()
  /** What runs in audit, by its key; and of which revisions no run was heard, at the last look. */
  const running = new Map<string, ContainerView>()
  const unheard = new Map<string, DeafNode>()

  const why = (name: string, mode: Rung) => whyDeaf(node(name), mode)
  const since = (name: string, mode: Rung) => deafUntil.get(`${name} ${mode}`) ?? 0
  const note = (name: string, state: Told, mode: Rung): void => {
    if (missesCalls(state, mode)) deafUntil.set(`${name} ${mode}`, now())
  }

  function noteRun({ node: name, profile, revision, startedAt }: ContainerView): void {
    // As of now: it attaches for a container just before it tells of it.
    const state = node(name)
    if (state === undefined) return
    note(name, state, 'audit')
    const key = `${profile} ${revision}`
    const deaf = whyDeaf(state, 'audit')
    if (deaf !== undefined) {
      const before = unheard.get(key)
      if (before === undefined || !isDeafForLong(before))
        unheard.set(key, { node: name, why: deaf })
      return
    }
    const on = heard.get(key) ?? new Map<string, Runs>()
    const began = Math.min(now(), Date.parse(startedAt) || now())
    const first = Math.min(on.get(name)?.first ?? began, began)
    heard.delete(key)
    heard.set(key, on.set(name, { first, last: now() }))
    dropOldest(heard, mostRevisions)
  }

  /** Names of nodes come and go. */
  function forgetAllBut(known: ReadonlySet<string>): void {
    for (const key of deafUntil.keys()) {
      if (!known.has(key.slice(0, key.indexOf(' ')))) deafUntil.delete(key)
    }
    for (const [key, on] of heard) {
      for (const name of on.keys()) if (!known.has(name)) on.delete(name)
      if (on.size === 0) heard.delete(key)
    }
  }

  function look(): void {
    const all = nodes()
    forgetAllBut(new Set(all.map(({ name }) => name)))
    for (const one of all) {
      note(one.name, one, 'enforce')
      // It attaches for what runs in audit: in between there is nothing to hear.
      if (one.status?.record !== 'unprofiled') note(one.name, one, 'audit')
    }
    unheard.clear()
    for (const one of running.values()) noteRun(one)
    for (const { node: name, profile, revision } of running.values()) {
      if (why(name, 'audit') === undefined) unheard.delete(`${profile} ${revision}`)
    }
  }

  const take = (one: ContainerView): void => {
    running.delete(one.key)
    if (!isAudit(one)) return
    running.set(one.key, one)
    // It may be over before the next look.
    noteRun(one)
  }
  // Nodes that an earlier hub knew are not back yet.
  look()
  views.list().forEach(take)
  const leave = views.onChange((changed, gone) => {
    changed.forEach(take)
    for (const { key } of gone) running.delete(key)
  })

  return {
    look,
    whyDeaf: why,
    since,
    inAudit(profile, digest, from) {
      const on = [...(heard.get(`${profile} ${digest}`) ?? [])]
      const times = on
        .filter(([name, { last }]) => last >= from && why(name, 'audit') === undefined)
        .map(([name, { first }]) => Math.max(from, first, since(name, 'audit')))
      return times.length === 0 ? undefined : Math.min(...times)
    },
    unheard(profile, digest) {
      const deaf = unheard.get(`${profile} ${digest}`)
      return deaf !== undefined && isDeafForLong(deaf) ? deaf : undefined
    },
    close: leave
  }
}
