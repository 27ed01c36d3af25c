import type { ContainerRef } from '../../../src/api/gen/hub.js'
import { namespacePattern } from '../../../src/api/names.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import {
  containerProfileLabel,
  type KnownProfile,
  podProfileLabel
} from '../../../src/rules/profile-label.js'
import { isObjectName, learnedName, objectNameOf } from '../../../src/rules/object-name.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { ObjectRef } from '../../../src/store/store.js'
import type { KnownPod } from './hub-cluster.js'

/** Target is the profile that an observation is for, and the workload that is written into a new one. */
export interface Target {
  ref: ObjectRef
  workload: WorkloadRef
  /** Set for a person's session, whatever the satellite reported. */
  isSession?: true
}

/** Namespace of containers outside Kubernetes. */
export const plainNamespace = 'default'

const namespaceForm = new RegExp(namespacePattern)
function cutEnd(text: string, end: RegExp): string {
  const cut = text.replace(end, '')
  return cut === '' ? text : cut
}

/**
 * Returns the topmost owner of a pod, from the labels and the name that controllers give it: the satellite has no
 * access to the API server. Controllers: pkg/controller/{replicaset,statefulset,daemon,job,cronjob}.
 */
export function ownerOf(podName: string, labels: Record<string, string>): WorkloadRef {
  const hash = labels['pod-template-hash']
  if (hash !== undefined && hash !== '') {
    const at = podName.lastIndexOf(`-${hash}-`)
    // generateName cuts long names to 58 characters: then only the random end can be removed.
    const name = at > 0 ? podName.slice(0, at) : cutEnd(podName, /-[a-z0-9]{5}$/)
    return { kind: 'Deployment', name }
  }
  const job = labels['batch.kubernetes.io/job-name'] ?? labels['job-name']
  if (job !== undefined && job !== '') {
    // The CronJob controller appends the scheduled time in minutes since 1970.
    const cron = /^(.+)-\d{8,}$/.exec(job)
    return cron?.[1] === undefined ? { kind: 'Job', name: job } : { kind: 'CronJob', name: cron[1] }
  }
  const ordinal =
    labels['statefulset.kubernetes.io/pod-name'] ?? labels['apps.kubernetes.io/pod-index']
  if (ordinal !== undefined) return { kind: 'StatefulSet', name: cutEnd(podName, /-\d+$/) }
  if (labels['controller-revision-hash'] !== undefined) {
    return { kind: 'DaemonSet', name: cutEnd(podName, /-[a-z0-9]{5}$/) }
  }
  return { kind: 'Pod', name: podName }
}

function namedProfile(text: string, home: string, anywhere: boolean): ObjectRef | undefined {
  const [first = '', second, ...more] = text.split('/')
  const ref =
    second === undefined ? { namespace: home, name: first } : { namespace: first, name: second }
  if (more.length > 0 || !namespaceForm.test(ref.namespace) || !isObjectName(ref.name))
    return undefined
  return anywhere || ref.namespace === home ? ref : undefined
}

type ProfileOf = (key: string) => KnownProfile | undefined

/** Returns the profile that the container names; of a pod's label only what is for this container. */
function ownProfile(
  container: ContainerRef,
  { home, inPod }: { home: string; inPod: boolean },
  profileOf: ProfileOf
): ObjectRef | undefined {
  if (!inPod) {
    return container.profile === '' ? undefined : namedProfile(container.profile, home, true)
  }
  const own = containerProfileLabel(container.labels, container.name)?.name
  if (own !== undefined) return namedProfile(own, home, false)
  const general = podProfileLabel(container.labels)?.name ?? container.profile
  const ref = general === '' ? undefined : namedProfile(general, home, false)
  const of = ref && profileOf(profileKey(ref.namespace, ref.name))?.container
  return of === undefined || of === container.name ? ref : undefined
}

/**
 * Returns the profile that learns from a container: the one it names (a pod only in its own namespace, because its
 * author may write any annotation), else `<workload>.<container>` in the pod's namespace, else, outside Kubernetes,
 * the container's name in `default`. Returns undefined when the container has neither a name nor an id.
 * @param pod the pod as the API server knows it; with it, nothing is guessed from names
 * @param profileOf returns a profile by its `profileKey`: a pod's label names that of one of its containers
 */
export function targetOf(
  container: ContainerRef,
  pod?: KnownPod,
  profileOf: ProfileOf = () => undefined
): Target | undefined {
  const inPod =
    pod !== undefined || (container.podName !== '' && namespaceForm.test(container.podNamespace))
  const home = pod?.namespace ?? (inPod ? container.podNamespace : plainNamespace)
  const own = container.name === '' ? container.id : container.name
  if (own === '') return undefined
  const workload = inPod
    ? { ...(pod?.owner ?? ownerOf(container.podName, container.labels)), container: own }
    : { kind: 'Container', name: own }
  const named = ownProfile(container, { home, inPod }, profileOf)
  if (named !== undefined) return { ref: named, workload }
  const name = inPod ? learnedName(workload.name, own) : objectNameOf(own)
  return { ref: { namespace: home, name }, workload }
}
