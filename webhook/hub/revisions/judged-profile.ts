import { revisionPath } from '../../../src/api/names.js'
import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { digestsOf } from '../../../src/rules/digest-prefix.js'
import { sameJson } from '../../../src/lib/same-json.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import {
  learnedFrom,
  type ProfileState,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { type FleetState, isReady, readinessOfProfile } from '../nodes/readiness.js'
import type { ProfileOutcome } from '../status/profile-status.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { boundParents } from './bound-parents.js'
import { labelModeOf } from './label-mode.js'
import { ladderOf } from './ladder-state.js'
import type { PassSets } from './pass-sets.js'
import type { RenderResult } from './profile-renderer.js'
import type { RevisionFiles } from './revision-files.js'
import type { RevisionPlace, UnblockedRevision } from './unblocked.js'

/** JudgedProfile is what admissions and the status get to know of a profile, and the revisions that nodes should have. */
interface JudgedProfile {
  state: ProfileState
  outcome: ProfileOutcome
  desired: RevisionRef[]
  /** What the emergency overlay leaves of the revisions. */
  unblocked: readonly UnblockedRevision[]
}

interface JudgeServices {
  files: RevisionFiles
  passSets: PassSets
  fleet: FleetState
  resolve: Resolve
  /** Returns the digest of the revision without what the emergency overlay blocks; undefined when there is no such revision. */
  withoutBlocked: (digest: string) => Promise<string | undefined>
}

/** ProfileRevisions describes the revisions of one profile, and lists those that it described as desired. */
class ProfileRevisions {
  readonly desired: RevisionRef[] = []
  readonly unblocked: UnblockedRevision[] = []
  readonly #services: JudgeServices
  readonly #namespace: string
  readonly #name: string
  readonly #own: ReadonlySet<string>

  constructor(profile: SeccompProfile, services: JudgeServices) {
    this.#services = services
    this.#namespace = profile.metadata.namespace ?? ''
    this.#name = profile.metadata.name
    this.#own = new Set(digestsOf(profile))
  }

  readonly #pathOf = (digest: string): string => revisionPath(this.#namespace, this.#name, digest)

  of(digest: string): RevisionState {
    const path = this.#pathOf(digest)
    this.desired.push({ namespace: this.#namespace, profile: this.#name, digest })
    const readiness = this.#services.fleet.readiness(path)
    const { lacking } = readiness
    return {
      digest,
      path,
      ready: isReady(readiness),
      withinDefault: this.#services.passSets.withinDefault(digest),
      ...(lacking === undefined ? {} : { lacking })
    }
  }

  /** Returns an earlier revision; undefined when it is not this profile's, or its bytes are not kept. */
  readonly #kept = async (digest: string | undefined): Promise<RevisionState | undefined> => {
    const { files, passSets } = this.#services
    if (digest === undefined || !this.#own.has(digest)) return undefined
    if (!(await files.has(digest))) return undefined
    const bytes = passSets.has(digest) ? undefined : await files.read(digest)
    if (bytes !== undefined) passSets.put(digest, bytes.toString('utf8'))
    return this.of(digest)
  }

  /** Returns a revision that was rendered with what is blocked now. */
  rendered(digest: string): RevisionState {
    this.unblocked.push({ path: this.#pathOf(digest), digest, place: 'newest', since: '' })
    return this.of(digest)
  }

  /**
   * Returns an earlier revision for new containers: without what the emergency overlay blocks. When that cannot be made,
   * no node counts as having the revision.
   */
  readonly used = async (
    digest: string | undefined,
    place: RevisionPlace,
    since = ''
  ): Promise<RevisionState | undefined> => {
    const kept = await this.#kept(digest)
    if (kept === undefined) return undefined
    const left = await this.#services.withoutBlocked(kept.digest)
    this.unblocked.push({ path: kept.path, digest: left, place, since })
    return left === undefined ? nowhere(kept, this.#services.fleet) : this.of(left)
  }
}

/** Returns a revision as no node had it: pods get what `whenNotReady` says. */
export function nowhere(revision: RevisionState, { nodes }: FleetState): RevisionState {
  return { ...revision, ready: false, ...(nodes === undefined ? {} : { lacking: [...nodes] }) }
}

/**
 * Returns the digest of what is approved while something is blocked; undefined where nothing is. Where it cannot be
 * rendered, nothing says that it has changed.
 */
function approvedIn({ unblocked }: RenderResult, status: SeccompProfile['status']) {
  if (unblocked === undefined || !('error' in unblocked)) return unblocked?.enforce
  return status?.approvedRevision ?? status?.revision
}

/** Returns what is known of a profile before anything is rendered. */
export function unjudged(profile: SeccompProfile, approved: boolean): ProfileState {
  const { namespace = '', name } = profile.metadata
  return { namespace, name, approved, ...learnedFrom(profile) }
}

/** Returns whether a profile was known already as one that learns, from the same workload. */
export const hasLearned = (before: ProfileState | undefined, now: ProfileState): boolean =>
  before?.approved === false &&
  before.container === now.container &&
  sameJson(before.workload, now.workload)

/** Judges one profile. @param rendered undefined while the profile is not approved */
export async function judgeProfile(
  profile: SeccompProfile,
  rendered: RenderResult | undefined,
  services: JudgeServices
): Promise<JudgedProfile> {
  const { status } = profile
  const revisions = new ProfileRevisions(profile, services)
  const { desired, unblocked } = revisions
  const state = unjudged(profile, rendered !== undefined)
  const modes = profile.spec.ladder
  const since = status?.history?.at(-1)?.at
  const named = await revisions.used(modes?.revision, 'pinned', since)
  const from = await revisions.used(modes?.canary?.from.revision, 'pinned', since)
  const ladder = ladderOf(modes, named, from)
  if (ladder !== undefined) state.ladder = ladder
  // A profile that allows nothing itself, or that cannot be rendered yet, passes on what its parents allow all the same.
  const parents = boundParents(profile, services.resolve)
  const labelMode = rendered && labelModeOf(profile, services.resolve)
  if (labelMode !== undefined) state.labelMode = labelMode
  if (rendered === undefined)
    return { state, outcome: { state: 'unapproved', parents }, desired, unblocked }
  if ('error' in rendered) {
    // What was approved and rendered before stays in use.
    const last = await revisions.used(status?.revision, 'newest')
    const lastAudit = await revisions.used(status?.auditRevision, 'newest')
    if (last !== undefined) state.enforce = last
    if (lastAudit !== undefined) state.audit = lastAudit
  } else {
    state.enforce = revisions.rendered(rendered.enforce)
    state.audit = revisions.rendered(rendered.audit)
  }
  const current = state.enforce?.digest
  // A block may have taken so much out of the newest one that it is the one in use.
  let previous = await revisions.used(status?.revision, 'previous')
  if (previous?.digest === current) {
    previous = await revisions.used(previousRevisionOf(status), 'previous')
  }
  if (previous !== undefined && previous.digest !== current) state.previous = previous
  if ('error' in rendered) {
    return {
      state,
      outcome: { state: 'failed', error: rendered.error, parents },
      desired,
      unblocked
    }
  }
  const { enforce, audit } = rendered
  const approved = approvedIn(rendered, status) ?? enforce
  // Nodes keep what is in force as soon as the block is lifted.
  if (approved !== enforce) revisions.of(approved)
  const readiness = readinessOfProfile(state, services.fleet)
  const outcome = { digest: enforce, approved, audit, readiness, parents, labelMode }
  return { state, outcome: { state: 'rendered', ...outcome }, desired, unblocked }
}
