import { anywhere } from '../../../src/rules/placement.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import { annotations, labels as wellKnown } from '../../../src/api/names.js'
import type { PodFacts } from '../../../src/rules/facts.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { plainNamespace, targetOf } from '../../hub/nodes/workload.js'
import type { PodView } from './sources.js'

/** Who a container is, as the hub knows it: by the cluster's word, else by its labels and names. */
export interface Who {
  namespace: string
  pod: string
  workload: WorkloadRef
  labels: Labels
  /** `namespace/name` of the profile that it is learned into. */
  learned: string
  /** Annotation `secco.dev/assigned`. */
  assigned: string
  /** Put into a running pod by a person: it teaches no profile. */
  ephemeral: boolean
}

export function whoIs(running: Running, pod: PodView | undefined): Who {
  const { container } = running
  const target = container === undefined ? undefined : targetOf(container)
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

/** On a container outside of Kubernetes this says what it is learned into, not what it is to be given. */
function withoutLearning(own: Labels): Labels {
  return Object.fromEntries(Object.entries(own).filter(([key]) => key !== wellKnown.profile))
}

/**
 * The container as a new pod of its kind would be shown to the webhook; `given`: the path of the revision
 * that it has, so that one of a canary's two is not taken for the wrong one.
 */
export function factsOf(running: Running, who: Who, given = ''): PodFacts {
  const existing = given === '' ? undefined : { type: 'Localhost', localhostProfile: given }
  return {
    ...{ operation: 'CREATE', subresource: '', namespace: who.namespace },
    name: who.pod === '' ? (running.container?.name ?? '') : who.pod,
    owner: `${who.workload.kind}/${who.workload.name}`,
    labels: who.labels,
    ...{ hasMetadata: true, annotations: undefined, hasPodSecurityContext: false },
    podSeccomp: undefined,
    containers: [
      {
        name: running.container?.name ?? '',
        image: running.container?.image ?? '',
        ...{ kind: who.ephemeral ? 'ephemeral' : 'container', index: 0, seccomp: existing },
        hasSecurityContext: false,
        ...{ privileged: running.privileged, existed: false }
      }
    ],
    ...{ placement: anywhere, windows: false, mirror: false }
  }
}
