import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { listed, plural } from '../../src/lib/plural.js'
import { namedNode, setCondition } from '../hub/status/conditions.js'
import type { ContainerView, ContainerViews } from './containers/container-view.js'
import { missingNodesOf } from './containers/missing-nodes.js'
import type { ConfinementSources } from './containers/sources.js'

/** Conditions are written this long after the last change. */
const settleMs = 1000
const mostAway = 10_000
/** How often the conditions follow which nodes report. */
const nodesMs = 10_000

const subjectOf = (view: ContainerView) => {
  const { key, node, namespace, workload, pod, name, profile, revision } = view
  return { container: key, node, namespace, workload, pod, name, profile, revision }
}

/** Returns in words of how many containers the filter in force was not compared; empty if of none. */
function uncomparedText(own: readonly ContainerView[]): string {
  const count = own.filter(({ checked }) => checked === 'mode').length
  return count === 0 ? '' : `; of ${count} the filter in force cannot be read`
}

/** Nodes that a condition names. */
const maxNamed = 3

/** Names the nodes of which nothing is known, so that "as declared" is no statement about them; empty if there is none. */
const unlistedText = (nodes: readonly string[]): string =>
  nodes.length === 0 ? '' : `; not known of ${listed(nodes, maxNamed)}`

function driftCondition(
  own: readonly ContainerView[],
  drifted: readonly ContainerView[],
  unlisted: readonly string[]
) {
  const [first] = drifted
  const total = plural(own.length, 'container')
  if (first === undefined) {
    // A container that starts is not known to differ, and soon is known not to: it changes only the number.
    const read = own.filter(({ state }) => state !== 'starting')
    const compared = `${plural(read.length, 'container')} as declared${uncomparedText(read)}`
    const message = `${compared}${unlistedText(unlisted)}`
    return { type: 'Drifted', status: 'False', reason: 'AsDeclared', message } as const
  }
  const { kind, message = '' } = first.drift[0] ?? {}
  return {
    ...({ type: 'Drifted', status: 'True', reason: kind ?? 'Drift' } as const),
    message: `${drifted.length} of ${total}: ${first.node}: ${message}`
  }
}

/**
 * Returns a profile with its condition Drifted. Only the replica of a node ends a condition about the node. Pure.
 * @param own the profile's containers on this hub's nodes
 * @param unlisted nodes that have not reported what runs there
 */
export function withDrift(
  profile: SeccompProfile,
  own: readonly ContainerView[],
  now: string,
  isElsewhere: (node: string) => boolean = () => false,
  unlisted: readonly string[] = []
): SeccompProfile {
  const conditions = profile.status?.conditions ?? []
  const known = conditions.find(({ type }) => type === 'Drifted')
  const drifted = own.filter(({ drift }) => drift.length > 0)
  if (drifted.length === 0 && isElsewhere(namedNode(known))) return profile
  // A profile without containers needs no condition about them.
  if (own.length === 0 && known === undefined) return profile
  const set = setCondition(conditions, driftCondition(own, drifted, unlisted), now)
  return set === conditions
    ? profile
    : { ...profile, status: { ...profile.status, conditions: [...set] } }
}

/** Logged is what was logged about a container. */
interface Logged {
  drift: ReadonlySet<string>
  isUnprotected: boolean
}

const nothingLogged: Logged = { drift: new Set(), isUnprotected: false }

/** DriftWatch logs each drift when it begins and when it ends, and keeps the Drifted conditions of profiles. */
export class DriftWatch {
  /** By the container's key. */
  readonly #logged = new Map<string, Logged>()
  /** Profiles whose condition may have changed. */
  readonly #due = new Set<string>()
  /** The last views of containers with drift whose node is away, by key. */
  readonly #away = new Map<string, ContainerView>()
  readonly #stop: () => void
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  /** The nodes of which nothing is known, as the conditions name them. */
  #unlisted: string
  #recheck: NodeJS.Timeout | undefined
  readonly #leaveHub: () => void

  readonly #sources: ConfinementSources
  readonly #views: ContainerViews

  constructor(sources: ConfinementSources, views: ContainerViews) {
    this.#sources = sources
    this.#views = views
    this.#stop = views.onChange((changed, gone, isAway) =>
      isAway ? this.#leave(gone) : this.#follow(changed, gone)
    )
    this.#follow(views.list(), [])
    this.#unlisted = this.#unlistedNodes().join()
    this.#leaveHub = sources.hub.onChange(() => this.#nodesChanged())
  }

  /** Writes the conditions that are due now. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const profiles = [...this.#due]
    this.#due.clear()
    this.#writing = this.#writing.then(async () => {
      for (const profile of profiles) await this.#write(profile)
    })
    return this.#writing
  }

  async close(): Promise<void> {
    this.#stop()
    this.#leaveHub()
    clearTimeout(this.#recheck)
    await this.flush()
  }

  #unlistedNodes(): string[] {
    return missingNodesOf(this.#sources)
      .filter(({ listed: isListed }) => !isListed)
      .map(({ name }) => name)
  }

  /** After a start, nodes report one after the other: the conditions are written again when that is over. */
  #nodesChanged(): void {
    this.#recheck ??= setTimeout(() => {
      this.#recheck = undefined
      const now = this.#unlistedNodes().join()
      if (now === this.#unlisted) return
      this.#unlisted = now
      for (const { metadata, status } of this.#sources.profiles()) {
        const { namespace = rootNamespace, name } = metadata
        const known = status?.conditions?.find(({ type }) => type === 'Drifted')
        if (known?.status === 'False') this.#due.add(`${namespace}/${name}`)
      }
      if (this.#due.size > 0) void this.flush()
    }, nodesMs).unref()
  }

  /** Remembers what was wrong on a node that is away: nothing is known to have ended. */
  #leave(gone: readonly ContainerView[]): void {
    for (const view of gone) if (this.#logged.has(view.key)) this.#away.set(view.key, view)
    for (const key of this.#away.keys()) {
      if (this.#away.size <= mostAway) break
      this.#away.delete(key)
      this.#logged.delete(key)
    }
  }

  /** Returns the containers that ended while their node was away, as its list shows now, or with their node. */
  #endedAway(changed: readonly ContainerView[]): ContainerView[] {
    for (const { key } of changed) this.#away.delete(key)
    if (this.#away.size === 0) return []
    const { hub } = this.#sources
    const ended = [...this.#away.values()].filter(
      ({ node }) => hub.inventory.isComplete(node) || hub.node(node) === undefined
    )
    for (const { key } of ended) this.#away.delete(key)
    return ended
  }

  #follow(changed: readonly ContainerView[], left: readonly ContainerView[]): void {
    const gone = [...left, ...this.#endedAway(changed)]
    for (const view of changed) {
      this.#log(view)
      this.#record(view)
    }
    for (const view of gone) {
      this.#logged.delete(view.key)
      this.#record({ ...view, drift: [], unprotected: null })
    }
    for (const { profile, sharedWith } of [...changed, ...gone])
      if (profile !== '') for (const each of [profile, ...sharedWith]) this.#due.add(each)
    if (this.#due.size > 0) this.#timer ??= setTimeout(() => void this.flush(), settleMs)
  }

  /** Records in the history of the workload since when it is so: a restart of the hub must not change that. */
  #record(view: ContainerView): void {
    // While a container starts, nothing ends and nothing begins.
    if (view.state === 'starting') return
    const { key, namespace, workload, name, drift, unprotected } = view
    const [kind = '', owner = ''] = workload.split('/')
    this.#sources.hub.history.troubles({
      key,
      workload: { namespace, kind, name: owner, container: kind === 'Container' ? '' : name },
      troubles: new Map([
        ...drift.map(({ kind: what, message, since }) => [what, { message, since }] as const),
        ...(unprotected === null ? [] : [['unprotected', unprotected] as const])
      ])
    })
  }

  #log(view: ContainerView): void {
    const before = this.#logged.get(view.key) ?? nothingLogged
    this.#logDrift(view, before.drift)
    if (view.unprotected !== null && !before.isUnprotected) {
      const { rule, since, message } = view.unprotected
      this.#sources.logger.warn(
        { ...subjectOf(view), rule, since, reason: message },
        'container is not protected as its rule says'
      )
    }
    const drift = new Set<string>(view.drift.map(({ kind }) => kind))
    const isUnprotected = view.unprotected !== null
    if (drift.size > 0 || isUnprotected) this.#logged.set(view.key, { drift, isUnprotected })
    else this.#logged.delete(view.key)
  }

  #logDrift(view: ContainerView, before: ReadonlySet<string>): void {
    const { logger } = this.#sources
    const now = new Set<string>()
    for (const { kind, message, since } of view.drift) {
      now.add(kind)
      if (before.has(kind)) continue
      logger.warn({ ...subjectOf(view), drift: kind, since, reason: message }, 'drift began')
    }
    for (const kind of before) {
      if (!now.has(kind)) logger.info({ ...subjectOf(view), drift: kind }, 'drift ended')
    }
  }

  async #write(profile: string): Promise<void> {
    const { store, logger, isElsewhere, hub } = this.#sources
    // Of a node that is away nothing is known to have ended, either.
    const isUnheard = (node: string): boolean =>
      isElsewhere(node) || (hub.node(node) !== undefined && !hub.inventory.isComplete(node))
    const [namespace = '', name = ''] = profile.split('/')
    const own = this.#views.reachedBy(profile).filter((view) => view.profile !== '')
    const now = new Date(this.#sources.now()).toISOString()
    try {
      await store.update('SeccompProfile', { namespace, name }, (current) =>
        withDrift(current, own, now, isUnheard, this.#unlistedNodes())
      )
    } catch (error) {
      const { code, message } = toSeccoError(error)
      if (code === 'NOT_FOUND') return
      logger.error({ code, profile, reason: message }, 'condition Drifted not written')
    }
  }
}
