import type { ContainerKind } from '../../../src/rules/facts.js'

/** ClusterContainer is one container of a pod's spec, as the API server has it. */
export interface ClusterContainer {
  name: string
  kind: ContainerKind
  /** The target container of an ephemeral one; undefined when its spec names none. */
  beside?: string
  /** The id without the runtime's prefix; undefined until the kubelet has reported it. */
  containerId?: string
  /** The `localhostProfile` that its spec, or else that of the pod, asks for; undefined when neither does. */
  localhostProfile?: string
  /** The type of that seccompProfile; undefined when neither has one. */
  seccomp?: string
  /** That seccompProfile is the pod's: the container has none of its own. */
  isOfPod?: true
  /** The image as its spec names it. */
  image?: string
  privileged?: true
  /** How often the kubelet restarted it; undefined: never. */
  restarts?: number
}
