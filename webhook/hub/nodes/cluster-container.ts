import type { ContainerKind } from '../../../src/rules/facts.js'

/** ClusterContainer is one container of a pod's spec, as the API server has it. */
export interface ClusterContainer {
  name: string
  kind: ContainerKind
  /** Of an ephemeral one: the container that it was put beside; absent when its spec names none. */
  beside?: string
  /** Without the runtime's prefix; absent until the kubelet has reported it. */
  containerId?: string
  /** The `localhostProfile` that its spec asks for, the pod's own included; absent when none. */
  localhostProfile?: string
}
