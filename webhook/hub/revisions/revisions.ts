import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import {
  profileKey,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import { renderProfile, type RenderOptions } from '../../../src/seccomp/render/render.js'
import { createPassSets } from './pass-sets.js'
import { originOf } from './revision-origin.js'
import type { Verdict } from '../status/profile-status.js'
import { type FleetState, isReady } from '../nodes/readiness.js'
import { ladderOf } from './ladder-state.js'
import { essenceOf, onlyLearns, relevantOf } from './profile-essence.js'
import type { Render, Revisions, RevisionsOptions } from './revisions-types.js'
import { createVerdictWriter, unwritten, type Written } from './verdict-writer.js'

export type { Render, RevisionsOptions } from './revisions-types.js'

interface Followed extends Written {
  profile: SeccompProfile
  /** What a rendering depends on of the profile itself. */
  essence: string
  /** What a pass depends on of the profile itself: observations change the rest all the time. */
  relevant: string
  rendered:
    | { key: string; enforce: string; audit: string }
    | { key: string; error: SeccoError }
    | undefined
}

export function createRevisions(options: RevisionsOptions): Revisions {
  const { store, files, logger } = options
  const render: Render = options.render ?? renderProfile
  const passSets = createPassSets()
  const followed = new Map<string, Followed>()
  let states: ReadonlyMap<string, ProfileState> = new Map()
  let desired: ReadonlyMap<string, RevisionRef> = new Map()
  let unavailable: ReadonlySet<string> = new Set()
  let covered: ReadonlySet<string> | undefined
  /** Grows with every change that another profile's extends might see. */
  let epoch = 0
  let published = ''
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined
  let closed = false

  const verdicts = createVerdictWriter<Followed>({
    store,
    logger,
    countMs: options.countMs,
    isCurrent: (one, profile) => essenceOf(profile) === one.essence,
    again: (ms) => later(ms),
    ...(options.recordEdits === undefined ? {} : { recordEdits: options.recordEdits }),
    retryMs: options.retryMs
  })

  function resolve(namespace: string, name: string): SeccompProfile | undefined {
    return followed.get(profileKey(namespace, name))?.profile
  }

  const isExtended = (): boolean =>
    [...followed.values()].some(({ profile }) => (profile.spec.extends ?? []).length > 0)

  /** Since the pass began that is under way: it may have been past them. */
  const learnedMeanwhile = new Map<string, ProfileState>()

  /** One more that learns: a thousand of them need no pass over all others for each. */
  function learns(key: string, { metadata }: SeccompProfile): void {
    if (states.get(key)?.approved === false && !desiredOf(key)) return
    const state = { namespace: metadata.namespace ?? '', name: metadata.name, approved: false }
    states = new Map(states).set(key, state)
    learnedMeanwhile.set(key, state)
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
      passSets.put(enforce.digest, enforce.json)
      passSets.put(audit.digest, audit.json)
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
    fleet: FleetState,
    rendered: Followed['rendered']
  ): Promise<{ state: ProfileState; verdict: Verdict; wanted: RevisionRef[] }> {
    const namespace = one.profile.metadata.namespace ?? ''
    const { name } = one.profile.metadata
    const { status } = one.profile
    const wanted: RevisionRef[] = []
    const revision = (digest: string): RevisionState => {
      const path = revisionPath(namespace, name, digest)
      wanted.push({ namespace, profile: name, digest })
      const readiness = fleet.readiness(path)
      const { lacking } = readiness
      return {
        digest,
        path,
        ready: isReady(readiness),
        withinDefault: passSets.withinDefault(digest),
        ...(lacking === undefined ? {} : { lacking })
      }
    }
    const kept = async (digest: string | undefined) => {
      if (digest === undefined || !(await files.has(digest))) return undefined
      const bytes = passSets.has(digest) ? undefined : await files.read(digest)
      if (bytes !== undefined) passSets.put(digest, bytes.toString('utf8'))
      return revision(digest)
    }
    const state: ProfileState = { namespace, name, approved: rendered !== undefined }
    const ladder = await ladderOf(one.profile.spec.ladder, kept)
    if (ladder !== undefined) state.ladder = ladder
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
    const { enforce, audit } = rendered
    const readiness = fleet.readiness(revisionPath(namespace, name, enforce))
    return { state, verdict: { state: 'rendered', digest: enforce, audit, readiness }, wanted }
  }

  async function pass(): Promise<void> {
    learnedMeanwhile.clear()
    const fleet = options.fleet()
    // What every rendering depends on: the fleet, and what the emergency overlay takes out.
    const overlay = followed.get(emergencyLabel)?.essence ?? ''
    const surroundings = `${JSON.stringify(fleet.rendering)} ${overlay}`
    const newStates = new Map<string, ProfileState>()
    const newDesired = new Map<string, RevisionRef>()
    const found: [Followed, Verdict][] = []
    for (const [key, one] of [...followed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // The overlay is part of every rendering and none itself.
      if (key === emergencyLabel) continue
      const approved = one.profile.spec.seccomp !== undefined
      const rendered = approved ? await renderBoth(one, fleet.rendering, surroundings) : undefined
      const { state, verdict, wanted } = await judge(one, fleet, rendered)
      newStates.set(key, state)
      for (const ref of wanted) {
        newDesired.set(revisionPath(ref.namespace, ref.profile, ref.digest), ref)
      }
      found.push([one, verdict])
    }
    const newUnavailable = new Set<string>()
    for (const ref of options.referred()) {
      const path = revisionPath(ref.namespace, ref.profile, ref.digest)
      if (newDesired.has(path)) continue
      newDesired.set(path, ref)
      if (!(await files.has(ref.digest))) newUnavailable.add(path)
    }
    for (const [key, state] of learnedMeanwhile) newStates.set(key, state)
    states = newStates
    desired = newDesired
    unavailable = newUnavailable
    covered = fleet.nodes
    const text = JSON.stringify([[...states.values()], [...desired.keys()], [...(covered ?? [])]])
    if (text !== published) {
      published = text
      options.changed()
    }
    if (!options.mayWrite()) return
    for (const [one, verdict] of found) await verdicts.write(one, verdict)
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
    unavailable: () => unavailable,
    profile: (key) => followed.get(key)?.profile,
    covered: () => covered,
    bytes: (digest) => files.read(digest),
    within: (inner, outer) => passSets.within(inner, outer),
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
        const relevant = relevantOf(profile, essence)
        followed.set(key, {
          rendered: undefined,
          ...unwritten,
          ...before,
          profile,
          essence,
          relevant
        })
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
    writesBegin() {
      for (const one of followed.values()) one.written = ''
      later(options.debounceMs)
    },
    async settle() {
      await start()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      verdicts.close()
      timer = undefined
      await (following ?? running)
    }
  }
}
