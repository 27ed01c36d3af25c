import { anywhere } from '../../../src/rules/placement.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import { annotations, labels as wellKnown, rootNamespace } from '../../../src/api/names.js'
import { type Assigned, assignedOf } from '../../../src/confinement/assigned.js'
import type { Decision } from '../../../src/rules/decision.js'
import type { ContainerFacts, ExistingProfile, PodFacts } from '../../../src/rules/facts.js'
import type { KnownProfile } from '../../../src/rules/profile-label.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { plainNamespace, targetOf } from '../../hub/nodes/workload.js'
import type { PodView } from './sources.js'

/** ContainerIdentity a container is, as the hub knows it: by the cluster's word, else by its labels and names. */
export interface ContainerIdentity {
  namespace: string
  pod: string
  workload: WorkloadRef
  labels: Labels
  /** The profile that its calls are learned into, as `namespace/name`. */
  learned: string
  /** Annotation `secco.dev/assigned`. */
  assigned: string
  /** A person put it into a running pod: it is not learned from. */
  ephemeral: boolean
}

/** @param profileOf returns a profile by its `profileKey` */
export function identifyContainer(
  running: Running,
  pod: PodView | undefined,
  profileOf: (key: string) => KnownProfile | undefined
): ContainerIdentity {
  const { container } = running
  const known = container && pod && { ...container, labels: pod.labels, profile: '' }
  const target = container && targetOf(known ?? container, pod, profileOf)
  const learned = target === undefined ? '' : `${target.ref.namespace}/${target.ref.name}`
  const own = container?.labels ?? {}
  const assigned = own[annotations.assigned] ?? ''
  if (pod !== undefined) {
    const { namespace, name, owner, labels } = pod
    const noted = pod.assigned === '' ? assigned : pod.assigned
    const ephemeral = pod.containers.some(
      (one) => one.name === container?.name && one.kind === 'ephemeral'
    )
    return {
      ...{ namespace, pod: name, workload: owner, labels, assigned: noted, ephemeral },
      learned: ephemeral ? '' : learned
    }
  }
  const inPod = (container?.podName ?? '') !== ''
  const name = container?.name ?? ''
  return {
    namespace: inPod ? (container?.podNamespace ?? plainNamespace) : plainNamespace,
    pod: container?.podName ?? '',
    workload: target?.workload ?? { kind: 'Container', name },
    labels: inPod ? own : withoutLearning(own),
    learned,
    assigned,
    ephemeral: false
  }
}

/** Outside of Kubernetes the label names the profile to learn into, not the profile to assign. */
function withoutLearning(own: Labels): Labels {
  if (!Object.hasOwn(own, wellKnown.profile)) return own
  return Object.fromEntries(Object.entries(own).filter(([key]) => key !== wellKnown.profile))
}

/** Returns the seccompProfile that a container of a stored pod has: its own, or else that of its pod. */
export function storedSeccomp(container: ClusterContainer): ExistingProfile | undefined {
  const { seccomp: type, localhostProfile } = container
  if (type === undefined) return undefined
  return { type, ...(localhostProfile === undefined ? {} : { localhostProfile }) }
}

/** Returns the containers of a stored pod in the order and with the places that they have in a review. */
export function storedContainers(
  containers: readonly ClusterContainer[],
  seccompOf: (container: ClusterContainer) => ExistingProfile | undefined
): ContainerFacts[] {
  const places = { init: 0, container: 0, ephemeral: 0 }
  return containers.map((one) => ({
    ...{ name: one.name, image: one.image ?? '', kind: one.kind, index: places[one.kind]++ },
    ...{ privileged: one.privileged === true, existed: false, hasSecurityContext: false },
    seccomp: seccompOf(one)
  }))
}

/** A file that an author may have named: which one decides nothing. */
const someFile: ExistingProfile = { type: 'Localhost', localhostProfile: 'of-its-author.json' }

/** Returns whether Secco replaced whatever the author stated: under an enforcing rule of the root namespace alone. */
const isReplacedByRoot = ({ rule, mode, outcome }: Assigned): boolean =>
  outcome === 'assigned' && mode === 'enforce' && rule.startsWith(`${rootNamespace}/`)

/**
 * Returns what the author of a pod stated for a container, where the annotation has what Secco replaced. `or` is what the
 * author may have stated as well, where the stored pod does not tell the two apart.
 */
export function authorsStatement(
  container: ClusterContainer,
  assigned: string
): { stated: ExistingProfile | undefined; or?: ExistingProfile } {
  const entry = assignedOf(assigned, container.name)
  const stored = storedSeccomp(container)
  if (entry === undefined) {
    // Secco sets the pod's RuntimeDefault where unset, together with the annotation.
    const isSeccos =
      assigned !== '' && container.isOfPod === true && stored?.type === 'RuntimeDefault'
    return isSeccos ? { stated: undefined, or: stored } : { stated: stored }
  }
  if (entry.author === 'RuntimeDefault' || entry.reason === 'wider') {
    return { stated: { type: 'RuntimeDefault' } }
  }
  return isReplacedByRoot(entry) ? { stated: undefined, or: someFile } : { stated: undefined }
}

/** Returns the containers of a container's pod, this one as it runs. */
function containersAround(
  running: Running,
  { ephemeral }: ContainerIdentity,
  { pod, given }: { pod: PodView | undefined; given: string }
): ContainerFacts[] {
  const name = running.container?.name ?? ''
  // Ephemeral containers come later: a new pod has none.
  const stored = (pod?.containers ?? []).filter(
    (one) => one.kind !== 'ephemeral' || one.name === name
  )
  const all = storedContainers(stored, (one) => authorsStatement(one, pod?.assigned ?? '').stated)
  const own: ContainerFacts = all.find((one) => one.name === name) ?? {
    ...{ name, image: running.container?.image ?? '', index: 0, existed: false },
    ...{ kind: ephemeral ? 'ephemeral' : 'container', seccomp: undefined },
    ...{ hasSecurityContext: false, privileged: false }
  }
  const asItRuns: ContainerFacts = {
    ...own,
    image: running.container?.image ?? own.image,
    privileged: running.privileged,
    ...(given === '' ? {} : { given })
  }
  return all.includes(own) ? all.map((one) => (one === own ? asItRuns : one)) : [...all, asItRuns]
}

/**
 * Returns the pod of a container as the webhook would see it if it were created again: what its author stated, and where
 * it could run. `given` is the path of the container's revision, so that the decision does not swap the two revisions of
 * a canary. Of a container outside of a pod nothing of that is known.
 */
export function factsOf(
  running: Running,
  identity: ContainerIdentity,
  { pod, given = '' }: { pod?: PodView | undefined; given?: string } = {}
): PodFacts {
  return {
    operation: 'CREATE',
    subresource: '',
    namespace: identity.namespace,
    name: identity.pod === '' ? (running.container?.name ?? '') : identity.pod,
    owner: `${identity.workload.kind}/${identity.workload.name}`,
    labels: identity.labels,
    hasMetadata: true,
    annotations: undefined,
    hasPodSecurityContext: false,
    podSeccomp: undefined,
    containers: containersAround(running, identity, { pod, given }),
    placement: pod?.placement ?? anywhere,
    windows: false,
    mirror: false
  }
}

/** Returns the part of a pod's decision that is about one of its containers. */
export function decisionForContainer(decision: Decision, container: string): Decision {
  const others = decision.containers.filter((one) => one.container !== container)
  const isOther = (warning: string) =>
    others.some((one) => warning.startsWith(`secco: ${one.container}:`))
  return {
    ...decision,
    containers: decision.containers.filter((one) => one.container === container),
    warnings: decision.warnings.filter((warning) => !isOther(warning))
  }
}
