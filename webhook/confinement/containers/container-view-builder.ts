import { type Assigned, assignedOf } from '../../../src/confinement/assigned.js'
import {
  type ConfinementFacts,
  type DriftKind,
  driftOf,
  riskOfState,
  stateOf
} from '../../../src/confinement/state.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { decide } from '../../../src/rules/decide.js'
import type { ContainerDecision } from '../../../src/rules/decision.js'
import { revisionPath } from '../../../src/rules/profile-state.js'
import { namedRevision, shortRevision } from '../../../src/rules/revision-names.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Running } from '../../hub/nodes/inventory.js'
import type { ContainerView, DecidedContainer } from './container-view.js'
import { type ContainerIdentity, factsOf, identifyContainer } from './pod-facts.js'
import type { KnownRevision, RevisionIndex } from './revision-index.js'
import type { ConfinementSources } from './sources.js'
import { unprotectedOf } from './unprotected.js'

/** A container's identity, what the webhook noted on its pod, its revision, and what the rules decide now. */
interface Judged extends DecidedContainer {
  annotated: Assigned | undefined
  revision: KnownRevision | undefined
}

/** The revision that was promised to a container: by its pod's annotation, else by its own label. */
interface Promised {
  /** `namespace/name`; empty without a promise. */
  profile: string
  digest: string
}

const mostPlaces = 100_000
const mostRunsOfOne = 256

/** RunCounter counts how often a container of one name began, in a pod or on a node. */
class RunCounter {
  readonly #runs = new Map<string, Set<string>>()

  restartsOf(running: Running): number {
    const place = placeOf(running)
    const keys = this.#runs.get(place) ?? new Set<string>()
    if (keys.size < mostRunsOfOne) keys.add(running.id)
    this.#runs.set(place, keys)
    dropOldest(this.#runs, mostPlaces)
    return keys.size - 1
  }
}

function placeOf({ container, node }: Running): string {
  const podUid = container?.podUid ?? ''
  return `${podUid === '' ? node : podUid} ${container?.name ?? ''}`
}

function pathOf({ profile, digest }: KnownRevision): string {
  const [namespace = '', name = ''] = profile.split('/')
  return revisionPath(namespace, name, digest)
}

const nameOf = ({ profile, digest }: KnownRevision): string => shortRevision(profile, digest)

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
  revision: KnownRevision | undefined
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

function identityFields(running: Running, identity: ContainerIdentity) {
  const { container } = running
  return {
    ...{ key: running.id, node: running.node, runtime: container?.runtime ?? '' },
    ...{ id: container?.id ?? '', name: container?.name ?? '', namespace: identity.namespace },
    ...{ pod: identity.pod, podUid: container?.podUid ?? '', image: container?.image ?? '' },
    pid: running.pid,
    workload: `${identity.workload.kind}/${identity.workload.name}`
  }
}

/** ContainerViewBuilder computes the view of one container from what its node reported and what the rules decide. */
export class ContainerViewBuilder {
  readonly #runs = new RunCounter()

  readonly #sources: ConfinementSources
  readonly #index: RevisionIndex

  constructor(sources: ConfinementSources, index: RevisionIndex) {
    this.#sources = sources
    this.#index = index
  }

  labelsOf(running: Running): Labels {
    return this.#identify(running).labels
  }

  decide(running: Running): Judged {
    const identity = this.#identify(running)
    const annotated = assignedOf(identity.assigned, running.container?.name ?? '')
    const revision = this.#index.of(running, annotated)
    const given = revision === undefined ? '' : pathOf(revision)
    const decision = decide(this.#sources.snapshot(), factsOf(running, identity, given))
    return { identity, annotated, revision, decision }
  }

  build(running: Running, before: ContainerView | undefined): ContainerView {
    const now = new Date(this.#sources.now()).toISOString()
    const { identity, annotated, revision, decision } = this.decide(running)
    const promised = promisedTo(running, annotated)
    const facts: ConfinementFacts = { ...running, assignedDigest: promised.digest }
    const named = revision && { short: nameOf(revision), mode: revision.mode }
    const { state, why } = stateOf(facts, named)
    const own = decision.containers[0]
    // After a restart of the hub the history has what its views do not: since when it is so.
    const { history } = this.#sources.hub
    const since = (known: string | undefined, kind: string): string =>
      known ?? history.troubledSince(running.id, kind) ?? now
    const digest = revision?.digest ?? promised.digest
    const wanted = this.#wantedOf(own, revision)
    return {
      ...identityFields(running, identity),
      ...{ state, why, profile: revision?.profile ?? promised.profile, learned: identity.learned },
      ...{ revision: digest, wanted },
      stale: digest !== '' && wanted !== '' && digest !== wanted,
      canary: own?.canary === true && wanted === digest,
      ephemeral: identity.ephemeral,
      drift: driftSince(facts, declaredName(running, promised, revision), (kind) =>
        since(before?.drift.find((one) => one.kind === kind)?.since, kind)
      ),
      unprotected: unprotectedOf({ running, state, annotated }, own, () =>
        since(before?.unprotected?.since, 'unprotected')
      ),
      ...{ checked: running.checked, disk: running.disk },
      ...this.#denialCounts(running),
      risk: riskOfState(state, running, {
        revision: revision === undefined ? undefined : this.#index.riskOf(revision.digest),
        runtimeDefault: this.#index.runtimeDefaultRisk
      }),
      restarts: this.#runs.restartsOf(running),
      syscalls: 0,
      startedAt: running.startedAt,
      since: before?.state === state ? before.since : before === undefined ? running.startedAt : now
    }
  }

  #identify(running: Running): ContainerIdentity {
    const { pod, hub } = this.#sources
    const profileOf = (key: string) => hub.profiles().get(key)
    return identifyContainer(running, pod(running.container?.podUid ?? ''), profileOf)
  }

  #denialCounts({ node, container, startedAt }: Running) {
    return this.#sources.hub.denialRows.ofContainer(node, container?.id ?? '', startedAt)
  }

  /**
   * Returns the revision that a new container would get. Without a rule that is the newest rendering of the
   * profile that the container runs under, in the same mode.
   */
  #wantedOf(decision: ContainerDecision | undefined, revision: KnownRevision | undefined): string {
    const assigned = decision?.outcome === 'assigned' ? (decision.revision ?? '') : ''
    if (assigned !== '' || revision === undefined) return assigned
    return this.#sources.hub.profiles().get(revision.profile)?.[revision.mode]?.digest ?? ''
  }
}
