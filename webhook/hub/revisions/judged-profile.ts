import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  learnedFrom,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { type FleetState, isReady } from '../nodes/readiness.js'
import type { ProfileOutcome } from '../status/profile-status.js'
import { ladderOf } from './ladder-state.js'
import type { PassSets } from './pass-sets.js'
import type { RenderResult } from './profile-renderer.js'
import type { RevisionFiles } from './revision-files.js'

/** JudgedProfile is what admissions and the status get to know of a profile, and the revisions that nodes should have. */
interface JudgedProfile {
  state: ProfileState
  outcome: ProfileOutcome
  desired: RevisionRef[]
}

interface JudgeServices {
  files: RevisionFiles
  passSets: PassSets
  fleet: FleetState
}

/** ProfileRevisions describes the revisions of one profile, and lists those that it described as desired. */
class ProfileRevisions {
  readonly desired: RevisionRef[] = []
  readonly #services: JudgeServices
  readonly #namespace: string
  readonly #name: string

  constructor({ metadata }: SeccompProfile, services: JudgeServices) {
    this.#services = services
    this.#namespace = metadata.namespace ?? ''
    this.#name = metadata.name
  }

  of(digest: string): RevisionState {
    const path = revisionPath(this.#namespace, this.#name, digest)
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

  /** Returns an earlier revision; undefined when its bytes are not kept. */
  readonly kept = async (digest: string | undefined): Promise<RevisionState | undefined> => {
    const { files, passSets } = this.#services
    if (digest === undefined || !(await files.has(digest))) return undefined
    const bytes = passSets.has(digest) ? undefined : await files.read(digest)
    if (bytes !== undefined) passSets.put(digest, bytes.toString('utf8'))
    return this.of(digest)
  }
}

/** Judges one profile. @param rendered undefined while the profile is not approved */
export async function judgeProfile(
  profile: SeccompProfile,
  rendered: RenderResult | undefined,
  services: JudgeServices
): Promise<JudgedProfile> {
  const { status } = profile
  const { namespace = '', name } = profile.metadata
  const revisions = new ProfileRevisions(profile, services)
  const { desired } = revisions
  const state: ProfileState = {
    ...{ namespace, name, approved: rendered !== undefined },
    ...learnedFrom(profile)
  }
  const modes = profile.spec.ladder
  const named = await revisions.kept(modes?.revision)
  const from = await revisions.kept(modes?.canary?.from.revision)
  const ladder = ladderOf(modes, named, from)
  if (ladder !== undefined) state.ladder = ladder
  if (rendered === undefined) return { state, outcome: { state: 'unapproved' }, desired }
  if ('error' in rendered) {
    // What was approved and rendered before stays in use.
    const last = await revisions.kept(status?.revision)
    if (last !== undefined) state.enforce = last
  } else {
    state.enforce = revisions.of(rendered.enforce)
    state.audit = revisions.of(rendered.audit)
  }
  const current = state.enforce?.digest
  const before = status?.revision === current ? status?.previousRevision : status?.revision
  const previous = before === current ? undefined : await revisions.kept(before)
  if (previous !== undefined) state.previous = previous
  if ('error' in rendered) {
    return { state, outcome: { state: 'failed', error: rendered.error }, desired }
  }
  const { enforce, audit } = rendered
  const readiness = services.fleet.readiness(revisionPath(namespace, name, enforce))
  return { state, outcome: { state: 'rendered', digest: enforce, audit, readiness }, desired }
}
