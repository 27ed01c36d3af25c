import { basename, dirname } from 'node:path'
import { isSandbox } from '../../satellite/containers/labels.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from '../../satellite/containers/processes.js'
import type { Container } from '../../satellite/containers/runtime.js'

/** Every label and annotation by which a container could be taken for another one. */
export const claims = {
  'io.cri-containerd.kind': 'sandbox',
  'io.kubernetes.cri.container-type': 'sandbox',
  'io.kubernetes.cri.sandbox-namespace': 'kube-system',
  'io.kubernetes.cri.sandbox-name': 'etcd',
  'io.kubernetes.cri.container-name': 'etcd',
  'io.kubernetes.cri-o.ContainerType': 'sandbox',
  'io.kubernetes.docker.type': 'podsandbox',
  'io.kubernetes.pod.namespace': 'kube-system',
  'io.kubernetes.pod.name': 'etcd',
  'io.kubernetes.pod.uid': 'u-etcd',
  'nerdctl/name': 'payments',
  'pod-template-hash': 'payments',
  'batch.kubernetes.io/job-name': 'payments',
  'secco.dev/profile': 'payments/card.app',
  'secco.dev/assigned': '{"app":{"profile":"payments/card.app"}}'
}

/** What is believed of a container, without facts of its process. */
export const believedOf = (container: Container | undefined) => ({
  name: container?.name,
  pod: container?.pod,
  sandbox: container !== undefined && isSandbox(container.labels),
  secco: container?.labels['secco.dev/profile'],
  assigned: container?.labels['secco.dev/assigned'],
  owner:
    container?.labels['batch.kubernetes.io/job-name'] ?? container?.labels['pod-template-hash'],
  doubt: container?.doubt !== undefined
})

export type Identity = ReturnType<typeof believedOf>

export const nobody: Identity = {
  ...{ name: undefined, pod: undefined, sandbox: false, secco: undefined },
  ...{ assigned: undefined, owner: undefined, doubt: false }
}
/** What the recorder knows of the calls of a process. */
export function slotOf(pid: number) {
  const folder = cgroupFolderOf(pid) ?? ''
  return {
    pid,
    mntns: mntnsOf(pid) ?? 0,
    cgroupId: cgroupIdOf(folder) ?? 0n,
    cgroupName: basename(folder),
    cgroupParent: basename(dirname(folder))
  }
}
