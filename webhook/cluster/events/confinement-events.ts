import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { DenialNews } from '../../hub/denials/denial-row.js'
import type { ContainerView } from '../../confinement/containers/container-view.js'
import { type DenialView, denialView } from '../../confinement/denials/denial-views.js'
import type { Confinement } from '../../confinement/containers/confinement.js'
import type { ClusterPod } from '../watch/cluster-view.js'
import type { EventRecorder, EventText } from './events.js'
import { foreignName } from '../../../src/lib/printed-commands.js'

/** Containers whose pods are remembered, also after their end: a denial may have ended them. */
const mostRemembered = 20_000
/** Unknown containers whose denials are kept, and unknown pods whose containers are. */
const mostEarly = 1000
/** Denials of one such container that are kept. */
const mostEarlyCalls = 16

/** Returns the events of a container's drift and missing protection, and of their end. Pure. */
export function driftTexts(
  before: Pick<ContainerView, 'drift' | 'unprotected'> | undefined,
  after: Pick<ContainerView, 'name' | 'drift' | 'unprotected'>
): EventText[] {
  const container = after.name.slice(0, 63)
  const had = new Set(before?.drift.map(({ kind }) => kind) ?? [])
  const texts: EventText[] = after.drift
    .filter(({ kind }) => !had.has(kind))
    .map(({ kind, message }) => ({
      ...{ type: 'Warning', reason: kind, action: 'Inspect' },
      note: `container ${container}: ${message}`
    }))
  if (after.unprotected !== null && (before?.unprotected ?? null) === null) {
    texts.push({
      ...{ type: 'Warning', reason: 'NotProtected', action: 'Inspect' },
      note: `container ${container} is not protected as its rule says: ${after.unprotected.message}`
    })
  }
  if (had.size > 0 && after.drift.length === 0) {
    texts.push({
      ...{ type: 'Normal', reason: 'AsDeclared', action: 'Inspect' },
      note: `container ${container}: the profile is the same again as declared, on disk and in the kernel`
    })
  }
  return texts
}

/** Returns the event of a new denial, the same for each repetition; undefined for one that nobody waits for. Pure. */
export function denialText(view: DenialView): EventText | undefined {
  // Its container may have ended since, which closes it.
  if (view.muted || view.expected) return undefined
  // A process chooses its own name.
  const comm = view.comm.replace(/[^\x20-\x7e]/g, '?')
  const who = comm === '' ? 'a process' : foreignName(comm)
  const logged = view.answer === 'logged'
  const got = logged ? 'it was allowed and logged' : `it got ${view.answer}`
  return {
    ...{ type: 'Warning', action: logged ? 'Audit' : 'Enforce' },
    reason: logged ? 'CallLogged' : 'CallDenied',
    note: `container ${view.containerName.slice(0, 63)}: ${who} called ${view.syscall}, ${got}; ${view.hint}`
  }
}

interface ConfinementEventOptions {
  confinement: Confinement
  pod: (uid: string) => ClusterPod | undefined
  events: Pick<EventRecorder, 'record'>
}

/** EarlyDenials keeps denials of containers that the hub does not know yet: the newest of each syscall. */
class EarlyDenials {
  /** By `node id`, and then by syscall. */
  readonly #denials = new Map<string, Map<string, DenialNews>>()

  add(place: string, news: DenialNews): void {
    const known = this.#denials.get(place) ?? new Map<string, DenialNews>()
    known.set(`${news.abi} ${news.syscall} ${news.action}`, news)
    dropOldest(known, mostEarlyCalls)
    this.#denials.set(place, known)
    dropOldest(this.#denials, mostEarly)
  }

  /** Takes the denials of a pod's containers. */
  takeOfPod(podUid: string): DenialNews[] {
    const found: DenialNews[] = []
    for (const [place, known] of this.#denials) {
      if (![...known.values()].some((one) => one.podUid === podUid)) continue
      found.push(...known.values())
      this.#denials.delete(place)
    }
    return found
  }

  take(place: string): DenialNews[] {
    const known = [...(this.#denials.get(place)?.values() ?? [])]
    this.#denials.delete(place)
    return known
  }
}

/** AwaitedPods keeps containers whose pods the cluster has not reported yet. Satellites are often faster. */
class AwaitedPods {
  /** Keys of containers, by the pod's uid. */
  readonly #keys = new Map<string, Set<string>>()

  add({ podUid, key }: ContainerView): void {
    const keys = this.#keys.get(podUid) ?? new Set<string>()
    this.#keys.set(podUid, keys.add(key))
    dropOldest(this.#keys, mostEarly)
  }

  remove({ podUid, key }: ContainerView): void {
    const keys = this.#keys.get(podUid)
    keys?.delete(key)
    if (keys?.size === 0) this.#keys.delete(podUid)
  }

  take(podUid: string): string[] {
    const keys = [...(this.#keys.get(podUid) ?? [])]
    this.#keys.delete(podUid)
    return keys
  }
}

const placeOf = ({ node, id }: Pick<ContainerView, 'node' | 'id'>): string => `${node} ${id}`

/** ConfinementEvents records events about drift, missing protection and denials of pods. */
class ConfinementEvents {
  readonly #options: ConfinementEventOptions
  /** What was recorded of each container, by its key. */
  readonly #recorded = new Map<string, Pick<ContainerView, 'drift' | 'unprotected'>>()
  /** Uid of the pod, by `node id` of the container. */
  readonly #pods = new Map<string, string>()
  readonly #early = new EarlyDenials()
  readonly #awaited = new AwaitedPods()

  constructor(options: ConfinementEventOptions) {
    this.#options = options
  }

  start(): () => void {
    const { views, sources } = this.#options.confinement
    const { denialRows } = sources.hub
    const stops = [
      views.onChange((changed, gone) => this.#follow(changed, gone)),
      denialRows.onNews((news) => this.#recordDenial(news)),
      sources.onPod((uid) => this.#followPod(uid))
    ]
    // Satellites may have reconnected before this hub was ready.
    for (const row of denialRows.heard()) this.#recordDenial({ ...row, added: row.count })
    this.#follow(views.list(), [])
    return () => {
      for (const stop of stops) stop()
    }
  }

  #follow(changed: readonly ContainerView[], gone: readonly ContainerView[]): void {
    for (const view of changed) this.#followContainer(view)
    for (const view of gone) {
      this.#recorded.delete(view.key)
      this.#awaited.remove(view)
    }
    dropOldest(this.#pods, mostRemembered)
  }

  #followContainer(view: ContainerView): void {
    const { podUid, node, key } = view
    const place = placeOf(view)
    this.#pods.delete(place)
    if (podUid !== '' && !this.#isPlaced(podUid)) {
      this.#awaited.add(view)
      return
    }
    this.#awaited.remove(view)
    if (podUid !== '') this.#pods.set(place, podUid)
    this.#record(podUid, node, driftTexts(this.#recorded.get(key), view))
    for (const news of this.#early.take(place)) this.#recordDenialOf(podUid, news)
    if (view.drift.length > 0 || view.unprotected !== null) this.#recorded.set(key, view)
    else this.#recorded.delete(key)
  }

  /** The views follow pods first, so they already have what the cluster reported. */
  #followPod(uid: string): void {
    if (!this.#isPlaced(uid)) return
    const { views } = this.#options.confinement
    const keys = this.#awaited.take(uid)
    if (keys.length > 0) {
      this.#follow(
        keys.flatMap((key) => views.peek(key) ?? []),
        []
      )
    }
    for (const news of this.#early.takeOfPod(uid)) this.#recordDenialOf(uid, news)
  }

  #recordDenial(news: DenialNews): void {
    const place = placeOf({ node: news.node, id: news.container })
    // A container that a denial ends may never be seen running: its report names the pod.
    const { podUid = '' } = news
    const uid = this.#pods.get(place) ?? (this.#isPlaced(podUid) ? podUid : undefined)
    if (uid === undefined) this.#early.add(place, news)
    // News without new denials have their event already.
    else if (news.added > 0) this.#recordDenialOf(uid, news)
  }

  #recordDenialOf(uid: string, news: DenialNews): void {
    const text = denialText(denialView(this.#options.confinement, news))
    if (text !== undefined) this.#record(uid, news.node, [text])
  }

  /** Returns whether the cluster knows the pod and its node: a pod is reported before it is scheduled. */
  #isPlaced(uid: string): boolean {
    return (this.#options.pod(uid)?.node ?? '') !== ''
  }

  #record(uid: string, node: string, texts: readonly EventText[]): void {
    const pod = texts.length === 0 || uid === '' ? undefined : this.#options.pod(uid)
    // A satellite is believed only about the pods of its own node.
    if (pod?.node !== node) return
    const { namespace, name } = pod
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
    for (const text of texts) this.#options.events.record(regarding, text)
  }
}

/**
 * Records events about drift, missing protection and denials on pods. Each hub records what its own satellites
 * report. Returns how to stop.
 */
export function startConfinementEvents(options: ConfinementEventOptions): () => void {
  return new ConfinementEvents(options).start()
}
