import { isDeepStrictEqual } from 'node:util'
import { rootNamespace, revisionPath } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type Assigned, assignedOf } from '../../../src/confinement/assigned.js'
import {
  type ConfinementFacts,
  type DriftKind,
  type RevisionName,
  driftOf,
  riskOfState,
  stateOf
} from '../../../src/confinement/state.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { decide } from '../../../src/rules/decide.js'
import type { ContainerDecision } from '../../../src/rules/decision.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { modesInUse } from '../../../src/rules/resolve.js'
import { namedRevision, shortRevision } from '../../../src/rules/revision-names.js'
import { type OwnProfile, ownProfileOf } from '../../../src/seccomp/render/own.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import { placeOfContainer } from '../../hub/history/recorded-starts.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { type ContainerView, type DecidedContainer, revisionText } from './container-view.js'
import {
  type ContainerIdentity,
  decisionForContainer,
  factsOf,
  identifyContainer
} from './pod-facts.js'
import { denialCountsOf } from './denial-counts.js'
import { asksForDefault, runsDefault } from './like-default.js'
import type { KnownRevision, NamedRevision, RevisionIndex } from './revision-index.js'
import type { ConfinementSources } from './sources.js'
import { unprotectedOf } from './unprotected.js'
import { ReadStates } from './view-inputs.js'

/** A container's identity, what the webhook noted on its pod, its revision, and what the rules decide now. */
interface Judged extends DecidedContainer {
  annotated: Assigned | undefined
  revision: NamedRevision | undefined
}

/** The revision that was promised to a container: by its pod's annotation, else by its own label. */
interface Promised {
  /** `namespace/name`; empty without a promise. */
  profile: string
  digest: string
}

const mostPlaces = 100_000
const mostRunsOfOne = 256
const nobody: readonly string[] = []

/** RunCounter counts how often a container of one name began, in a pod or on a node. */
class RunCounter {
  readonly #runs = new Map<string, Set<string>>()

  restartsOf(running: Running): number {
    const { name = '', podUid = '' } = running.container ?? {}
    const place = placeOfContainer({ node: running.node, podUid, name })
    const keys = this.#runs.get(place) ?? new Set<string>()
    if (keys.size < mostRunsOfOne) keys.add(running.id)
    this.#runs.set(place, keys)
    dropOldest(this.#runs, mostPlaces)
    return keys.size - 1
  }
}

function pathOf({ profile, digest }: KnownRevision): string {
  const [namespace = '', name = ''] = profile.split('/')
  return revisionPath(namespace, name, digest)
}

/** Returns the short name; each of the names where nothing shows which of several equal profiles was assigned. */
const nameOf = ({ profile, digest, others }: NamedRevision): string =>
  revisionText({ profile, revision: digest, sharedWith: others })

function factsOfRun(
  running: Running,
  assignedDigest: string,
  podOf: ConfinementSources['pod']
): ConfinementFacts {
  const { privileged, declared, digest, disk, mode } = running
  const { checked, same, difference, others, allowed } = running
  const found = { checked, same, difference, others, allowed, assignedDigest }
  return Object.assign(found, {
    running: running.running,
    ...{ privileged, declared, digest, disk, mode },
    like: running.likeDefault?.difference,
    beyond: running.beyondDefault?.names,
    asksForDefault: asksForDefault(running, podOf)
  })
}

function promisedTo(running: Running, annotated: Assigned | undefined): Promised {
  const noted = annotated?.revision === '' ? undefined : annotated
  const labelled = namedRevision(running.assigned)
  return {
    profile: noted?.profile ?? labelled?.profile ?? '',
    digest: noted?.revision ?? labelled?.digest ?? ''
  }
}

function declaredName(
  running: Running,
  promised: Promised,
  revision: NamedRevision | undefined
): string {
  if (promised.digest !== '') return shortRevision(promised.profile, promised.digest)
  return revision === undefined ? running.declared : nameOf(revision)
}

/** @param since returns since when a container has drift of a kind, as far as it was known before */
function driftSince(
  facts: ConfinementFacts,
  name: string,
  since: (kind: DriftKind) => string
): ContainerView['drift'] {
  return driftOf(facts, name).map((one) => ({ ...one, since: since(one.kind) }))
}

function ownProfileName({ program }: OwnProfile): RevisionName {
  return { short: `Secco's own profile of the ${program}`, mode: 'enforce' }
}

function mutingOf(profiles: readonly SeccompProfile[]): Map<string, SeccompProfile> {
  return new Map(
    profiles
      .filter(({ spec }) => (spec.mute ?? []).length > 0)
      .map((one) => [profileKey(one.metadata.namespace ?? rootNamespace, one.metadata.name), one])
  )
}

/** ContainerViewBuilder computes the view of one container from what its node reported and what the rules decide. */
export class ContainerViewBuilder {
  readonly #runs = new RunCounter()

  readonly #sources: ConfinementSources
  readonly #index: RevisionIndex
  /** The profiles that mute calls, by `profileKey`. */
  #muting: ReadonlyMap<string, SeccompProfile>

  constructor(sources: ConfinementSources, index: RevisionIndex) {
    this.#sources = sources
    this.#index = index
    this.#muting = mutingOf(sources.profiles())
  }

  /** Reads again which calls are muted; returns the keys of the profiles where that has changed. */
  refreshMutes(): string[] {
    const before = this.#muting
    this.#muting = mutingOf(this.#sources.profiles())
    return [...new Set([...before.keys(), ...this.#muting.keys()])].filter(
      (key) => !isDeepStrictEqual(before.get(key)?.spec.mute, this.#muting.get(key)?.spec.mute)
    )
  }

  /**
   * Returns the restarts that the API server knows; until it knows more those that this hub saw, and outside of pods those
   * that the history has.
   */
  #restartsOf(running: Running): number {
    const seen = this.#runs.restartsOf(running)
    const { podUid = '', name = '' } = running.container ?? {}
    if (podUid === '') {
      const place = placeOfContainer({ node: running.node, podUid, name })
      return Math.max(seen, this.#sources.hub.history.startsAt(place) - 1)
    }
    const known = this.#sources.pod(podUid)?.containers.find((one) => one.name === name)
    return Math.max(seen, known?.restarts ?? 0)
  }

  labelsOf(running: Running): Labels {
    return this.#identify(running, new Set()).labels
  }

  decide(running: Running, reads = new Set<string>(), states?: Snapshot['profiles']): Judged {
    const identity = this.#identify(running, reads)
    reads.add(running.digest)
    const { name = '', podUid = '' } = running.container ?? {}
    const annotated = assignedOf(identity.assigned, name)
    const revision = this.#index.of(running, annotated, identity)
    const given = revision === undefined ? '' : pathOf(revision)
    const snapshot = this.#sources.snapshot()
    const profiles = new ReadStates(states ?? snapshot.profiles, reads)
    const facts = factsOf(running, identity, { pod: this.#sources.pod(podUid), given })
    const decision = decisionForContainer(decide({ ...snapshot, profiles }, facts), name)
    return { identity, annotated, revision, decision }
  }

  /** @param reads gets the profiles and digests that the view depends on: it holds until one of them changes */
  build(running: Running, before: ContainerView | undefined, reads: Set<string>): ContainerView {
    const now = new Date(this.#sources.now()).toISOString()
    const { identity, annotated, revision, decision } = this.decide(running, reads)
    const promised = promisedTo(running, annotated)
    const facts = factsOfRun(running, promised.digest, this.#sources.pod)
    // A profile that Secco ships for its own programs is no revision of a profile object.
    const shipped = revision === undefined ? ownProfileOf(running.digest) : undefined
    const named =
      revision === undefined
        ? shipped && ownProfileName(shipped)
        : { short: nameOf(revision), mode: revision.mode }
    const { state, why } = stateOf(facts, named)
    const own = decision.containers[0]
    // After a restart of the hub the history has what its views do not: since when it is so.
    const { history } = this.#sources.hub
    const since = (known: string | undefined, kind: string): string =>
      known ?? history.troubledSince(running.id, kind) ?? now
    // What a new container would get replaces a revision of a profile object, never a profile that Secco ships.
    const replaced = revision?.digest ?? promised.digest
    const digest = shipped?.digest ?? replaced
    const profile = shipped === undefined ? (revision?.profile ?? promised.profile) : ''
    const wanted = this.#wantedOf(own, revision, reads)
    const { container } = running
    const counts = denialCountsOf(
      running,
      { hub: this.#sources.hub, index: this.#index, muting: this.#muting, revision },
      reads
    )
    // Each member has its own line: an object made of others takes twice the memory, and there are a hundred thousand.
    return {
      key: running.id,
      node: running.node,
      runtime: container?.runtime ?? '',
      id: container?.id ?? '',
      name: container?.name ?? '',
      namespace: identity.namespace,
      pod: identity.pod,
      podUid: container?.podUid ?? '',
      image: container?.image ?? '',
      pid: running.pid,
      workload: `${identity.workload.kind}/${identity.workload.name}`,
      state,
      why,
      profile,
      learned: identity.learned,
      sharedWith: revision?.others ?? nobody,
      revision: digest,
      wanted,
      stale: replaced !== '' && wanted !== '' && replaced !== wanted,
      canary: own?.canary === true && wanted === digest,
      ephemeral: identity.ephemeral,
      optedOut: decision.reason === 'opt-out',
      drift: driftSince(facts, declaredName(running, promised, revision), (kind) =>
        since(before?.drift.find((one) => one.kind === kind)?.since, kind)
      ),
      unprotected: unprotectedOf(
        {
          ...{ running, state, annotated, namespace: identity.namespace },
          isObserved: decision.decision === 'observed'
        },
        own,
        () => since(before?.unprotected?.since, 'unprotected')
      ),
      checked: running.checked,
      disk: running.disk,
      denials: counts.denials,
      expected: counts.expected,
      risk: riskOfState(state, running, {
        revision: revision === undefined ? undefined : this.#index.riskOf(revision.digest),
        runtimeDefault: this.#index.runtimeDefaultRisk,
        like: runsDefault(running) ? this.#index.riskLikeDefault(running) : undefined
      }),
      restarts: this.#restartsOf(running),
      syscalls: null,
      gaps: [],
      startedAt: running.startedAt,
      since: before?.state === state ? before.since : before === undefined ? running.startedAt : now
    }
  }

  #identify(running: Running, reads: Set<string>): ContainerIdentity {
    const { pod, hub } = this.#sources
    const profileOf = (key: string) => new ReadStates(hub.profiles(), reads).get(key)
    return identifyContainer(running, pod(running.container?.podUid ?? ''), profileOf)
  }

  /**
   * Returns the revision that a new container would get; empty if a rule gives it none. Where no rule decides, that is
   * what the ladder of its profile gives, or else the newest rendering in the same mode.
   */
  #wantedOf(
    decision: ContainerDecision | undefined,
    revision: NamedRevision | undefined,
    reads: Set<string>
  ): string {
    const isDecided = decision !== undefined && decision.outcome !== 'skipped'
    if (isDecided || revision === undefined) return decision?.revision ?? ''
    const { profile, others, mode, digest } = revision
    const states = new ReadStates(this.#sources.hub.profiles(), reads)
    const given = [profile, ...others].map((name) => {
      const state = states.get(name)
      if (state?.ladder === undefined) return [state?.[mode]?.digest ?? '']
      return modesInUse(state).map((one) => one.revision?.digest ?? '')
    })
    // It keeps its side of a canary.
    return given.flat().includes(digest) ? digest : (given[0]?.at(-1) ?? '')
  }
}
