import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { DenialNews } from '../../hub/denials/denial-rows.js'
import type { ContainerView } from '../../confinement/containers/container-views.js'
import { type DenialView, denialView } from '../../confinement/denials/denial-views.js'
import type { Truth } from '../../confinement/truth.js'
import type { ClusterPod } from '../watch/cluster-view.js'
import type { EventRecorder, EventText } from './events.js'

/** Containers whose pods are remembered, also after their end: what ended by a refused call is told, too. */
const mostRemembered = 20_000
/** Containers of which a refused call is told before they are, pods that the cluster has not told of yet. */
const mostEarly = 1000
/** Refused calls of one such container. */
const mostEarlyCalls = 16

/** What became wrong, or right again, with a container. Pure. */
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
      note: `container ${container} should be protected, is not: ${after.unprotected.message}`
    })
  }
  if (had.size > 0 && after.drift.length === 0) {
    texts.push({
      ...{ type: 'Normal', reason: 'AsDeclared', action: 'Inspect' },
      note: `container ${container}: declared, on disk and in the kernel are the same again`
    })
  }
  return texts
}

/** What to say of a refused call: the same for every repetition. Undefined: it alarms nobody. Pure. */
export function denialText(view: DenialView): EventText | undefined {
  if (view.muted || view.expected) return undefined
  // A process chooses its own name.
  const comm = view.comm.replace(/[^\x20-\x7e]/g, '?')
  const who = comm === '' ? 'a process' : comm
  const logged = view.answer === 'logged'
  const got = logged ? 'it was let through and logged' : `it got ${view.answer}`
  return {
    ...{ type: 'Warning', action: logged ? 'Audit' : 'Enforce' },
    reason: logged ? 'CallLogged' : 'CallRefused',
    note: `container ${view.containerName.slice(0, 63)}: ${who} called ${view.syscall}, ${got}; ${view.hint}`
  }
}

/**
 * Tells people on their pods of drift, of missing protection and of refused calls. Each hub speaks of what
 * its own satellites see; a satellite is believed of the pods of its own node only. @returns how to end it.
 */
export function tellPods(options: {
  truth: Truth
  pod: (uid: string) => ClusterPod | undefined
  events: Pick<EventRecorder, 'record'>
}): () => void {
  const { truth, pod, events } = options
  const told = new Map<string, Pick<ContainerView, 'drift' | 'unprotected'>>()
  const pods = new Map<string, string>()
  const early = new Map<string, Map<string, DenialNews>>()
  /** By uid: keys of containers of pods that the cluster has not told of yet; satellites are often quicker. */
  const awaited = new Map<string, Set<string>>()

  /** Known, and to be on a node: a pod is told of before it has one. */
  const isPlaced = (uid: string): boolean => (pod(uid)?.node ?? '') !== ''

  function record(uid: string, node: string, texts: readonly EventText[]): void {
    const about = texts.length === 0 || uid === '' ? undefined : pod(uid)
    if (about?.node !== node) return
    const { namespace, name } = about
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
    for (const text of texts) events.record(regarding, text)
  }

  function refused(uid: string, news: DenialNews): void {
    const text = denialText(denialView(truth, news))
    if (text !== undefined) record(uid, news.node, [text])
  }

  /** By another way, and maybe before anybody says which pod it is: kept until then, the newest of each call. */
  function keepEarly(place: string, news: DenialNews): void {
    const calls = early.get(place) ?? new Map<string, DenialNews>()
    calls.set(`${news.abi} ${news.syscall} ${news.action}`, news)
    dropOldest(calls, mostEarlyCalls)
    early.set(place, calls)
    dropOldest(early, mostEarly)
  }

  function look(changed: readonly ContainerView[], gone: readonly ContainerView[]): void {
    for (const view of changed) {
      const place = `${view.node} ${view.id}`
      pods.delete(place)
      awaited.get(view.podUid)?.delete(view.key)
      if (view.podUid !== '' && !isPlaced(view.podUid)) {
        const keys = awaited.get(view.podUid) ?? new Set<string>()
        awaited.set(view.podUid, keys.add(view.key))
        dropOldest(awaited, mostEarly)
        continue
      }
      if (view.podUid !== '') pods.set(place, view.podUid)
      record(view.podUid, view.node, driftTexts(told.get(view.key), view))
      for (const news of early.get(place)?.values() ?? []) refused(view.podUid, news)
      early.delete(place)
      if (view.drift.length > 0 || view.unprotected !== null) told.set(view.key, view)
      else told.delete(view.key)
    }
    for (const { key, podUid } of gone) {
      told.delete(key)
      awaited.get(podUid)?.delete(key)
      if (awaited.get(podUid)?.size === 0) awaited.delete(podUid)
    }
    dropOldest(pods, mostRemembered)
  }

  function hear(news: DenialNews): void {
    const place = `${news.node} ${news.container}`
    const uid = pods.get(place)
    if (uid === undefined) keepEarly(place, news)
    // Said already, of nobody in particular.
    else if (news.added > 0) refused(uid, news)
  }

  /** Views hear of pods first: they are as they should be with what the cluster says now. */
  function came(uid: string): void {
    const keys = awaited.get(uid)
    if (keys === undefined || !isPlaced(uid)) return
    awaited.delete(uid)
    look(
      [...keys].flatMap((key) => truth.views.peek(key) ?? []),
      []
    )
  }

  const { denialRows } = truth.sources.hub
  const leaves = [truth.views.onChange(look), denialRows.onNews(hear), truth.sources.onPod(came)]
  // Satellites are quicker to come back than this hub is to start.
  for (const row of denialRows.heard()) hear({ ...row, added: row.count })
  look(truth.views.list(), [])
  return () => {
    for (const leave of leaves) leave()
  }
}
