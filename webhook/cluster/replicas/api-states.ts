import { revisionPath } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { digestsOf } from '../../../src/rules/digest-prefix.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import {
  learnedFrom,
  profileKey,
  type ProfileState,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { blockDigest, isEmergency } from '../../../src/seccomp/render/emergency.js'
import { type FleetState, isReady } from '../../hub/nodes/readiness.js'
import { nowhere } from '../../hub/revisions/judged-profile.js'
import { ladderOf } from '../../hub/revisions/ladder-state.js'
import type { PublishedBlocks } from './summary-blocks.js'

/** ApiRevisions describes the revisions of one profile by its status and the summary of the active hub. */
class ApiRevisions {
  readonly #profile: SeccompProfile
  readonly #own: ReadonlySet<string>
  readonly #fleet: FleetState
  readonly #blocks: PublishedBlocks | undefined
  /** The blockDigest() of the overlay as this replica sees it. */
  readonly #block: string

  constructor(
    profile: SeccompProfile,
    surroundings: { fleet: FleetState; blocks: PublishedBlocks | undefined; block: string }
  ) {
    this.#profile = profile
    this.#own = new Set(digestsOf(profile))
    this.#fleet = surroundings.fleet
    this.#blocks = surroundings.blocks
    this.#block = surroundings.block
  }

  /**
   * Returns a revision that the hub has rendered last. Until it has rendered a new block, that is the one from before the
   * block, here as at the hub.
   */
  readonly newest = (digest: string | undefined): RevisionState | undefined => {
    if (digest === undefined || !this.#own.has(digest)) return undefined
    const isKnown = this.#block !== '' && this.#blocks !== undefined
    return this.#as(digest, isKnown ? this.#blocks.without(this.#pathOf(digest), digest) : digest)
  }

  /** Returns a revision that was rendered earlier: without what is blocked, or as no node had it. */
  readonly earlier = (digest: string | undefined): RevisionState | undefined => {
    if (digest === undefined || !this.#own.has(digest)) return undefined
    if (this.#block === '') return this.#as(digest, digest)
    const isCurrent = this.#blocks?.block === this.#block
    return this.#as(
      digest,
      isCurrent ? this.#blocks.without(this.#pathOf(digest), digest) : undefined
    )
  }

  #pathOf(digest: string): string {
    const { namespace = '', name } = this.#profile.metadata
    return revisionPath(namespace, name, digest)
  }

  /** @param used the digest of the revision that pods get in place of `digest`; undefined: they must not get it */
  #as(digest: string, used: string | undefined): RevisionState {
    const path = this.#pathOf(used ?? digest)
    const readiness = this.#fleet.readiness(path)
    const { lacking } = readiness
    const state = {
      ...{ digest: used ?? digest, path, ready: isReady(readiness) },
      ...(lacking === undefined ? {} : { lacking })
    }
    return used === undefined ? nowhere(state, this.#fleet) : state
  }
}

/**
 * Returns the states of profiles for the admission decision of replicas without a hub: the revisions come from the
 * profiles' status, the nodes that lack them and what blocks leave of them from the summary of the active hub.
 */
export function apiStates(
  profiles: readonly SeccompProfile[],
  fleet: FleetState,
  blocks: PublishedBlocks | undefined
): Map<string, ProfileState> {
  const states = new Map<string, ProfileState>()
  const block = blockDigest(profiles.find(isEmergency))
  for (const profile of profiles) {
    if (isEmergency(profile)) continue
    const { namespace = '', name } = profile.metadata
    const { status } = profile
    const revisions = new ApiRevisions(profile, { fleet, blocks, block })
    const enforce = revisions.newest(status?.revision)
    const audit = revisions.newest(status?.auditRevision)
    const previous = revisions.earlier(previousRevisionOf(status))
    // A hub leaves out revisions without bytes; here their files are on no node.
    const modes = profile.spec.ladder
    const from = revisions.earlier(modes?.canary?.from.revision)
    const ladder = ladderOf(modes, revisions.earlier(modes?.revision), from)
    states.set(profileKey(namespace, name), {
      ...{ namespace, name, approved: profile.spec.seccomp !== undefined },
      ...learnedFrom(profile),
      ...(enforce === undefined ? {} : { enforce }),
      ...(audit === undefined ? {} : { audit }),
      // A block may have taken so much out of the newest one that both are the same.
      ...(previous === undefined || previous.digest === enforce?.digest ? {} : { previous }),
      ...(ladder === undefined ? {} : { ladder }),
      ...(status?.labelMode === undefined ? {} : { labelMode: status.labelMode })
    })
  }
  return states
}
