import type { RevisionOrigin, RevisionRef } from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { type SeccoError, toSeccoError } from '../../src/errors.js'
import type { Logger } from '../../src/log.js'
import {
  profileKey,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../src/rules/profile-state.js'
import { emergencyLabel } from '../../src/seccomp/emergency.js'
import { type Rendering, renderProfile, type RenderOptions } from '../../src/seccomp/render.js'
import type { Store, StoreEvent } from '../../src/store/store.js'
import type { NodeState } from './nodes.js'
import { originOf } from './revision-origin.js'
import { type Verdict, withVerdict } from './profile-status.js'
import { isReady, readinessOf } from './readiness.js'
import type { RevisionFiles } from './revision-files.js'

export type Render = (
  profile: SeccompProfile,
  options: RenderOptions
) => Pick<Rendering, 'json' | 'digest'>

interface Followed {
  profile: SeccompProfile
  /** What a rendering depends on of the profile itself. */
  essence: string
  /** What a pass depends on of the profile itself: observations change the rest all the time. */
  relevant: string
  rendered:
    | { key: string; enforce: string; audit: string }
    | { key: string; error: SeccoError }
    | undefined
  /** The last verdict that was written: another hub's different one is not fought over. */
  written: string
  /** What was last said about a status that could not be written: said once. */
  complaint: string
}

/** Profiles → revisions, their way to the nodes, and what the admission decision reads of it. */
export interface Revisions {
  states(): ReadonlyMap<string, ProfileState>
  /** Everything a node should hold, by path. */
  desired(): ReadonlyMap<string, RevisionRef>
  bytes(digest: string): Promise<Buffer | undefined>
  /** Where a profile's revisions come from, for nodes to judge. */
  origin(ref: RevisionRef): RevisionOrigin | undefined
  event(event: StoreEvent): void
  /** Nodes changed: readiness and, with other runtimes, renderings may too. */
  nodesChanged(): void
  /** Resolves when nothing is left to do. */
  settle(): Promise<void>
  close(): Promise<void>
}

export interface RevisionsOptions {
  store: Store
  files: RevisionFiles
  logger: Logger
  /** All nodes known, and those whose readiness counts. */
  nodes: () => { known: readonly NodeState[]; counted: readonly NodeState[] }
  /** Called after each change of states or of what is desired. */
  changed: () => void
  /** Changes are collected this long. */
  debounceMs: number
  /** After a failed write. */
  retryMs: number
  render?: Render
}

/** The fleet's runtimes and, when all nodes have the same, its machine: part of every rendering. */
export function fleetOf(nodes: readonly NodeState[]): Pick<RenderOptions, 'runtimes' | 'machine'> {
  const runtimes = new Map<string, { name: string; version: string }>()
  const machines = new Set<string>()
  for (const { status } of nodes) {
    if (status === undefined) continue
    if (status.arch !== '') machines.add(status.arch)
    for (const { name, version } of status.runtimes) {
      runtimes.set(`${name}@${version}`, { name, version })
    }
  }
  const [machine] = machines
  const sorted = [...runtimes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, runtime]) => runtime)
  return {
    runtimes: sorted,
    ...(machine !== undefined && machines.size === 1 ? { machine } : {})
  }
}

function essenceOf(profile: SeccompProfile): string {
  const abis = Object.keys(profile.status?.observed ?? {}).sort()
  return JSON.stringify([profile.spec.extends, profile.spec.seccomp, abis])
}

function relevantOf({ metadata, status }: SeccompProfile, essence: string): string {
  const { uid, generation } = metadata
  return JSON.stringify([essence, uid, generation, status?.revision, status?.previousRevision])
}

/** Nothing is rendered of it, and nothing is to be said in its status. */
function onlyLearns({ spec, status }: SeccompProfile): boolean {
  return spec.seccomp === undefined && status?.revision === undefined
}

export function createRevisions(options: RevisionsOptions): Revisions {
  const { store, files, logger } = options
  const render: Render = options.render ?? renderProfile
  const followed = new Map<string, Followed>()
  let states: ReadonlyMap<string, ProfileState> = new Map()
  let desired: ReadonlyMap<string, RevisionRef> = new Map()
  /** Grows with every change that another profile's extends might see. */
  let epoch = 0
  let published = ''
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined
  let closed = false

  function resolve(namespace: string, name: string): SeccompProfile | undefined {
    return followed.get(profileKey(namespace, name))?.profile
  }

  const isExtended = (): boolean =>
    [...followed.values()].some(({ profile }) => (profile.spec.extends ?? []).length > 0)

  /** One more that learns: a thousand of them need no pass over all others for each. */
  function learns(key: string, { metadata }: SeccompProfile): void {
    if (states.get(key)?.approved === false && !desiredOf(key)) return
    const state = { namespace: metadata.namespace ?? '', name: metadata.name, approved: false }
    states = new Map(states).set(key, state)
    options.changed()
  }
  const desiredOf = (key: string): boolean =>
    [...desired.values()].some(({ namespace, profile }) => profileKey(namespace, profile) === key)

  async function renderBoth(
    one: Followed,
    fleet: Pick<RenderOptions, 'runtimes' | 'machine'>,
    surroundings: string
  ): Promise<NonNullable<Followed['rendered']>> {
    const others = (one.profile.spec.extends ?? []).length > 0 ? epoch : 0
    const key = `${others} ${surroundings} ${one.essence}`
    if (one.rendered?.key === key) return one.rendered
    try {
      const enforce = render(one.profile, { ...fleet, mode: 'enforce', resolve })
      const audit = render(one.profile, { ...fleet, mode: 'audit', resolve })
      await files.keep(enforce.digest, enforce.json)
      await files.keep(audit.digest, audit.json)
      one.rendered = { key, enforce: enforce.digest, audit: audit.digest }
    } catch (thrown) {
      const error = toSeccoError(thrown)
      const { namespace, name } = one.profile.metadata
      logger.error({ code: error.code, namespace, profile: name }, error.message)
      // A full disk may have room again: that one is tried with the next pass.
      if (error.code === 'WRITE_FAILED') {
        later(options.retryMs)
        return { key, error }
      }
      one.rendered = { key, error }
    }
    return one.rendered
  }

  async function judge(
    one: Followed,
    counted: readonly NodeState[],
    rendered: Followed['rendered']
  ): Promise<{ state: ProfileState; verdict: Verdict; wanted: RevisionRef[] }> {
    const namespace = one.profile.metadata.namespace ?? ''
    const { name } = one.profile.metadata
    const { status } = one.profile
    const wanted: RevisionRef[] = []
    const revision = (digest: string): RevisionState => {
      const path = revisionPath(namespace, name, digest)
      wanted.push({ namespace, profile: name, digest })
      return { digest, path, ready: isReady(readinessOf(path, counted)) }
    }
    const kept = async (digest: string | undefined) =>
      digest !== undefined && (await files.has(digest)) ? revision(digest) : undefined
    const state: ProfileState = { namespace, name, approved: rendered !== undefined }
    if (rendered === undefined) return { state, verdict: { state: 'unapproved' }, wanted }
    if ('error' in rendered) {
      // What was approved and rendered before goes on serving.
      const last = await kept(status?.revision)
      if (last !== undefined) state.enforce = last
    } else {
      state.enforce = revision(rendered.enforce)
      state.audit = revision(rendered.audit)
    }
    const before =
      status?.revision === state.enforce?.digest ? status?.previousRevision : status?.revision
    const previous = before === state.enforce?.digest ? undefined : await kept(before)
    if (previous !== undefined) state.previous = previous
    if ('error' in rendered)
      return { state, verdict: { state: 'failed', error: rendered.error }, wanted }
    const readiness = readinessOf(revisionPath(namespace, name, rendered.enforce), counted)
    return { state, verdict: { state: 'rendered', digest: rendered.enforce, readiness }, wanted }
  }

  async function write(one: Followed, verdict: Verdict): Promise<void> {
    const said = JSON.stringify([
      one.profile.metadata.uid,
      one.profile.metadata.generation,
      verdict.state === 'failed' ? verdict.error.message : verdict
    ])
    if (one.written === said) return
    const { namespace = '', name } = one.profile.metadata
    try {
      const now = new Date().toISOString()
      await store.update('SeccompProfile', { namespace, name }, (profile) =>
        // Approved anew meanwhile: the verdict is about an older spec, the event brings a new one.
        essenceOf(profile) === one.essence ? withVerdict(profile, verdict, now) : profile
      )
      one.written = said
      one.complaint = ''
    } catch (thrown) {
      const error = toSeccoError(thrown)
      if (error.code === 'NOT_FOUND') return
      if (one.complaint !== error.message) {
        logger.error({ code: error.code, namespace, profile: name }, `status: ${error.message}`)
        one.complaint = error.message
      }
      // A document that somebody broke comes back as an event once it is mended.
      if (error.code !== 'STORE_CORRUPT' && error.code !== 'TOO_LARGE') later(options.retryMs)
    }
  }

  async function pass(): Promise<void> {
    const nodes = options.nodes()
    const fleet = fleetOf(nodes.known)
    // What every rendering depends on: the fleet, and what the emergency overlay takes out.
    const overlay = followed.get(emergencyLabel)?.essence ?? ''
    const surroundings = `${JSON.stringify(fleet)} ${overlay}`
    const newStates = new Map<string, ProfileState>()
    const newDesired = new Map<string, RevisionRef>()
    const verdicts: [Followed, Verdict][] = []
    for (const [key, one] of [...followed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // The overlay is part of every rendering and none itself.
      if (key === emergencyLabel) continue
      const approved = one.profile.spec.seccomp !== undefined
      const rendered = approved ? await renderBoth(one, fleet, surroundings) : undefined
      const { state, verdict, wanted } = await judge(one, nodes.counted, rendered)
      newStates.set(key, state)
      for (const ref of wanted) {
        newDesired.set(revisionPath(ref.namespace, ref.profile, ref.digest), ref)
      }
      verdicts.push([one, verdict])
    }
    states = newStates
    desired = newDesired
    const text = JSON.stringify([[...states.values()], [...desired.keys()]])
    if (text !== published) {
      published = text
      options.changed()
    }
    for (const [one, verdict] of verdicts) await write(one, verdict)
  }

  async function work(): Promise<void> {
    try {
      await pass()
    } catch (error) {
      logger.error({ err: error }, 'revisions could not be worked out; it is tried again')
      later(options.retryMs)
    }
  }

  /** One pass at a time; whoever asks during one waits for the next, which is shared. */
  function start(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (running === undefined) {
      running = work().finally(() => (running = undefined))
      return running
    }
    following ??= running.then(() => {
      following = undefined
      return start()
    })
    return following
  }

  function later(ms: number): void {
    if (closed) return
    timer ??= setTimeout(() => void start(), ms)
  }

  return {
    states: () => states,
    desired: () => desired,
    bytes: (digest) => files.read(digest),
    origin(ref) {
      const profile = resolve(ref.namespace, ref.profile)
      return profile === undefined ? undefined : originOf(profile, resolve)
    },
    event(event) {
      if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
        const profile = event.object
        const key = profileKey(profile.metadata.namespace ?? '', profile.metadata.name)
        const before = followed.get(key)
        const essence = essenceOf(profile)
        if (before?.essence !== essence) epoch += 1
        const { rendered, written = '', complaint = '' } = before ?? {}
        const relevant = relevantOf(profile, essence)
        followed.set(key, { profile, essence, relevant, rendered, written, complaint })
        if (before?.relevant === relevant) return
        if (onlyLearns(profile) && key !== emergencyLabel && !isExtended()) {
          learns(key, profile)
          return
        }
      } else if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
        followed.delete(profileKey(event.ref.namespace, event.ref.name))
        epoch += 1
      } else return
      later(options.debounceMs)
    },
    nodesChanged: () => later(options.debounceMs),
    async settle() {
      await start()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      timer = undefined
      await (following ?? running)
    }
  }
}
