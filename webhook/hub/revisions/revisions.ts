import { revisionPath } from '../../../src/api/names.js'
import type { RevisionOrigin, RevisionRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { profileKey, type ProfileState } from '../../../src/rules/profile-state.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import { blockDigest, emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { forEachAtOnce } from '../../../src/lib/at-once.js'
import { Slices } from '../../../src/lib/slices.js'
import type { StoreEvent } from '../../../src/store/store.js'
import type { FleetState } from '../nodes/readiness.js'
import type { ProfileOutcome } from '../status/profile-status.js'
import { LearnedStatuses } from './learned-statuses.js'
import { hasLearned, judgeProfile, unjudged } from './judged-profile.js'
import { createPassSets } from './pass-sets.js'
import { isDesired, type Published, publishedAfter, unpublished } from './published.js'
import { ProfileRenderer, type RenderedProfile } from './profile-renderer.js'
import { type Surroundings, surroundingsOf } from './surroundings.js'
import { onlyLearns, outcomeInputOf, renderingInputOf } from './rendering-inputs.js'
import { inUseOf, originOf, RememberedOrigins } from './revision-origin.js'
import type { RevisionsOptions } from './revisions-options.js'
import { createStatusWriter, type FollowedSpec, unwritten } from './status-writer.js'
import { type Unblocked, unblockedOf, type UnblockedRevision } from './unblocked.js'

/** Writes of statuses at the same time. */
const writesAtOnce = 8

interface FollowedProfile extends RenderedProfile, FollowedSpec {
  /** What a pass depends on of the profile itself: observations change the rest all the time. */
  outcomeInput: string
}

/** Revisions renders profiles to revisions, follows them to the nodes, and keeps the states that admissions read. */
export class Revisions {
  readonly #options: RevisionsOptions
  readonly #passSets = createPassSets()
  readonly #followed = new Map<string, FollowedProfile>()
  readonly #renderer: ProfileRenderer
  readonly #statuses: ReturnType<typeof createStatusWriter<FollowedProfile>>
  readonly #learned: LearnedStatuses<FollowedProfile>
  #published: Published = unpublished
  readonly #origins = new RememberedOrigins()
  /** Grows with every change that another profile's `extends` might see. */
  #epoch = 0
  /** Profiles that began to learn since the running pass began: it may have been past them. */
  readonly #learnedMeanwhile = new Map<string, ProfileState>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #following: Promise<void> | undefined
  #isClosed = false

  constructor(options: RevisionsOptions) {
    const { store, files, logger, countMs, retryMs, recordEdits } = options
    this.#options = options
    this.#renderer = new ProfileRenderer({
      ...{ files, logger, passSets: this.#passSets, resolve: this.#resolve },
      render: options.render ?? renderProfile,
      retry: () => this.#later(retryMs)
    })
    this.#statuses = createStatusWriter<FollowedProfile>({
      ...{ store, logger, countMs, retryMs },
      isCurrent: (one, profile) => renderingInputOf(profile) === one.renderingInput,
      again: (ms) => this.#later(ms),
      ...(recordEdits === undefined ? {} : { recordEdits })
    })
    const onError = (err: unknown) =>
      logger.error({ err }, 'status of a learned profile not written')
    this.#learned = new LearnedStatuses<FollowedProfile>({
      ...{
        write: (one, outcome) => this.#statuses.write(one, outcome),
        mayWrite: options.mayWrite,
        onError
      },
      find: (key) => {
        const one = this.#followed.get(key)
        return one !== undefined && onlyLearns(one.profile) ? one : undefined
      },
      delayMs: options.debounceMs
    })
  }

  states(): ReadonlyMap<string, ProfileState> {
    return this.#published.states
  }

  /** Returns every revision that a node should have, by path. */
  desired(): ReadonlyMap<string, RevisionRef> {
    return this.#published.desired
  }

  /** Returns the desired revisions whose bytes are gone: pods refer to them, and nodes may keep but not get them. */
  unavailable(): ReadonlySet<string> {
    return this.#published.unavailable
  }

  /** Returns what the emergency overlay leaves of the desired revisions. */
  unblocked(): Unblocked {
    return this.#published.unblocked
  }

  /** Returns the nodes that the states take account of; undefined where nodes are no objects. */
  covered(): ReadonlySet<string> | undefined {
    return this.#published.covered
  }

  /** Returns the profile as the store last reported it, by `profileKey`. */
  profile(key: string): SeccompProfile | undefined {
    return this.#followed.get(key)?.profile
  }

  bytes(digest: string): Promise<Buffer | undefined> {
    return this.#options.files.read(digest)
  }

  /** Returns whether the second digest's revision allows all that the first one allows (`runtime-default`: RuntimeDefault). */
  within(inner: string, outer: string): boolean {
    return this.#passSets.within(inner, outer)
  }

  /** Returns where a profile's revisions come from, so that nodes can judge them: one object until that changes. */
  origin(ref: RevisionRef): RevisionOrigin | undefined {
    const one = this.#followed.get(profileKey(ref.namespace, ref.profile))
    if (one === undefined) return undefined
    const editedAt = this.#options.recordEdits === true ? one.editedAt : undefined
    const inUse = inUseOf(one.profile, ref.digest, this.#passSets)
    const inputs = [ref.digest, ...inUse.known, this.#epoch, editedAt].join(' ')
    return this.#origins.of(one.profile, inputs, () =>
      originOf(one.profile, this.#resolve, { editedAt, beyondInUse: inUse.beyond })
    )
  }

  event(event: StoreEvent): void {
    if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
      if (!this.#follow(event.object)) return
    } else if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
      this.#followed.delete(profileKey(event.ref.namespace, event.ref.name))
      this.#epoch += 1
    } else return
    this.#later(this.#options.debounceMs)
  }

  /** Nodes changed: readiness and, with other runtimes, renderings may change too. */
  nodesChanged(): void {
    this.#later(this.#options.debounceMs)
  }

  /** From now on this hub writes the statuses: what it wrote before may have been overwritten. */
  writesBegin(): void {
    for (const { status } of this.#followed.values()) status.written = ''
    this.#later(this.#options.debounceMs)
  }

  /** Resolves when nothing is left to do. */
  async settle(): Promise<void> {
    await this.#start()
    await this.#learned.flush()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#statuses.close()
    await this.#learned.close()
    await (this.#following ?? this.#running)
  }

  readonly #resolve = (namespace: string, name: string): SeccompProfile | undefined =>
    this.#followed.get(profileKey(namespace, name))?.profile

  /** Remembers the profile; returns whether a pass is needed. */
  #follow(profile: SeccompProfile): boolean {
    const key = profileKey(profile.metadata.namespace ?? '', profile.metadata.name)
    const before = this.#followed.get(key)
    const renderingInput = renderingInputOf(profile)
    const isSame = before?.renderingInput === renderingInput
    if (!isSame) this.#epoch += 1
    const editedAt = isSame ? before.editedAt : new Date().toISOString()
    const outcomeInput = outcomeInputOf(profile, renderingInput)
    const inputs = { profile, renderingInput, outcomeInput, editedAt }
    this.#followed.set(key, { rendered: undefined, status: unwritten(), ...before, ...inputs })
    if (before?.outcomeInput === outcomeInput) return false
    if (!onlyLearns(profile) || key === emergencyLabel || this.#isExtended()) return true
    this.#learns(key, profile)
    this.#learned.add(key)
    return false
  }

  #isExtended(): boolean {
    return [...this.#followed.values()].some(
      ({ profile }) => (profile.spec.extends ?? []).length > 0
    )
  }

  /** Publishes one more profile that learns: with a thousand of them, a pass over all for each would be too much. */
  #learns(key: string, profile: SeccompProfile): void {
    const { states } = this.#published
    const state = unjudged(profile, false)
    if (hasLearned(states.get(key), state) && !isDesired(this.#published, key)) return
    this.#published = { ...this.#published, states: new Map(states).set(key, state) }
    this.#learnedMeanwhile.set(key, state)
    this.#options.changed(false)
  }

  async #pass(): Promise<void> {
    this.#learnedMeanwhile.clear()
    const fleet = this.#options.fleet()
    const surroundings = surroundingsOf(fleet.rendering, this.#followed.get(emergencyLabel))
    const states = new Map<string, ProfileState>()
    const desired = new Map<string, RevisionRef>()
    const outcomes: [FollowedProfile, ProfileOutcome][] = []
    const unblocked: UnblockedRevision[] = []
    const slices = new Slices()
    for (const [key, one] of [...this.#followed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // The overlay is part of every rendering and has none of its own.
      if (key === emergencyLabel) {
        outcomes.push([one, { state: 'overlay' }])
        continue
      }
      const judged = await this.#judge(one, fleet, surroundings)
      states.set(key, judged.state)
      for (const ref of judged.desired) {
        desired.set(revisionPath(ref.namespace, ref.profile, ref.digest), ref)
      }
      outcomes.push([one, judged.outcome])
      unblocked.push(...judged.unblocked)
      await slices.pause()
    }
    const unavailable = await this.#addReferred(desired)
    for (const [key, state] of this.#learnedMeanwhile) states.set(key, state)
    const covered = fleet.nodes
    const left = unblockedOf(blockDigest(surroundings.overlay), unblocked)
    this.#publish({ states, desired, unavailable, covered, unblocked: left })
    if (!this.#options.mayWrite()) return
    // Whoever sees Ready may create a pod: by then every replica of the webhook has to know it.
    if (outcomes.some(([one, outcome]) => this.#statuses.becomesReady(one, outcome)))
      await this.#options.announce?.()
    await forEachAtOnce(outcomes, writesAtOnce, ([one, outcome]) =>
      this.#statuses.write(one, outcome)
    )
  }

  async #judge(one: FollowedProfile, fleet: FleetState, surroundings: Surroundings) {
    const context = { ...surroundings, epoch: this.#epoch }
    const { spec } = one.profile
    // Content that is removed under a person's approval waits for a person, like any other change of it.
    const isApproved = spec.seccomp !== undefined || isApprovalStale(spec)
    const rendered = isApproved ? await this.#renderer.render(one, context) : undefined
    const withoutBlocked = (digest: string) => this.#renderer.withoutBlocked(digest, context)
    const services = { fleet, passSets: this.#passSets, resolve: this.#resolve, withoutBlocked }
    return judgeProfile(one.profile, rendered, { ...services, files: this.#options.files })
  }

  /** Adds the revisions that pods refer to; returns the paths of those whose bytes are gone. */
  async #addReferred(desired: Map<string, RevisionRef>): Promise<Set<string>> {
    const unavailable = new Set<string>()
    for (const ref of this.#options.referred()) {
      const path = revisionPath(ref.namespace, ref.profile, ref.digest)
      if (desired.has(path)) continue
      desired.set(path, ref)
      if (!(await this.#options.files.has(ref.digest))) unavailable.add(path)
    }
    return unavailable
  }

  #publish(published: Published): void {
    const { news, ...after } = publishedAfter(this.#published, published)
    this.#published = after.published
    if (news !== 'none') this.#options.changed(news === 'desired')
  }

  async #work(): Promise<void> {
    try {
      await this.#pass()
    } catch (error) {
      this.#options.logger.error({ err: error }, 'revisions not updated; retrying')
      this.#later(this.#options.retryMs)
    }
  }

  /** Starts a pass. Passes do not overlap: all who ask during one share the next. */
  #start(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#running === undefined) {
      this.#running = this.#work().finally(() => (this.#running = undefined))
      return this.#running
    }
    this.#following ??= this.#running.then(() => {
      this.#following = undefined
      return this.#start()
    })
    return this.#following
  }

  #later(ms: number): void {
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => void this.#start(), ms)
  }
}
