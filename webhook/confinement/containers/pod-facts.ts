import { anywhere } from '../../../src/rules/placement.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import { annotations, labels as wellKnown } from '../../../src/api/names.js'
import type { PodFacts } from '../../../src/rules/facts.js'
import type { KnownProfile } from '../../../src/rules/profile-label.js'
import type { Labels } from '../../../src/rules/selector.js'
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
    ...{ learned, assigned, ephemeral: false }
  }
}

/** Outside of Kubernetes the label names the profile to learn into, not the profile to assign. */
function withoutLearning(own: Labels): Labels {
  return Object.fromEntries(Object.entries(own).filter(([key]) => key !== wellKnown.profile))
}

/**
 * Returns a container as the webhook would see it in a new pod. `given` is the path of the container's revision,
 * so that the decision does not swap the two revisions of a canary.
 */
export function factsOf(running: Running, identity: ContainerIdentity, given = ''): PodFacts {
  const existing = given === '' ? undefined : { type: 'Localhost', localhostProfile: given }
  return {
    ...{ operation: 'CREATE', subresource: '', namespace: identity.namespace },
    name: identity.pod === '' ? (running.container?.name ?? '') : identity.pod,
    owner: `${identity.workload.kind}/${identity.workload.name}`,
    labels: identity.labels,
    ...{ hasMetadata: true, annotations: undefined, hasPodSecurityContext: false },
    podSeccomp: undefined,
    containers: [
      {
        name: running.container?.name ?? '',
        image: running.container?.image ?? '',
        ...{ kind: identity.ephemeral ? 'ephemeral' : 'container', index: 0, seccomp: existing },
        hasSecurityContext: false,
        ...{ privileged: running.privileged, existed: false }
      }
    ],
    ...{ placement: anywhere, windows: false, mirror: false }
  }
}
