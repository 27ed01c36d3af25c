import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'

export interface PodRef {
  namespace: string
  name: string
  uid: string
}

/** One container as its runtime describes it. */
export interface Container {
  id: string
  /** runc, crun, containerd, docker, podman; 'unknown' if only its cgroup's name is known. */
  runtime: string
  /** The pod's container name, else the runtime's name for it, else the id. */
  name: string
  image?: string
  /** sha256:HEX of that image, as the runtime has it. */
  imageDigest?: string
  /** Thread group id of its first process in this pid namespace; 0 when it has ended. */
  pid: number
  /** The same, kept after the end: with the mount namespace it distinguishes runs if cgroups do not. */
  firstPid?: number
  /** Inode number of its mount namespace, while it lives. */
  mntns?: number
  /** Inode number of its cgroup in the unified hierarchy, kept after the end. */
  cgroupId?: bigint
  /** Folder of that cgroup, if the runtime reports it. */
  cgroupFolder?: string | undefined
  status: 'created' | 'running' | 'stopped'
  /** Labels and annotations together, as far as they are believed (believed.ts). */
  labels: Record<string, string>
  pod?: PodRef
  /** `linux.seccomp` of its OCI configuration: what its filter was made from. */
  seccomp?: LinuxSeccomp
  /** Every capability, nothing masked: runtimes put no filter on it. */
  privileged?: boolean
  bundle?: string
  /** Why it is not known who the container is. */
  doubt?: string
}

/** Changes that a runtime's folders reported. */
export interface RuntimeChanges {
  /** As they are now; without a process if they are gone. */
  containers: Container[]
  /** There were more changes: all containers have to be listed. */
  missed: boolean
}

/** A source of containers. If the runtime does not exist, it lists nothing; that is no error. */
export interface ContainerRuntime {
  readonly name: string
  list(): Promise<Container[]>
  byId(id: string): Promise<Container | undefined>
  /** Empty if it is not known. */
  version(): Promise<string>
  /** Starts to collect changes; false if that does not work. Calls `onCreate` for each new container after `notifyCreation(true)`. */
  follow?(onCreate: () => void): boolean
  notifyCreation?(wanted: boolean): void
  /** Changes since the last call; cheap if there are none. */
  takeChanges?(): RuntimeChanges
  /** True while the runtime creates a container that has no state yet: its hooks may take long. As of the last `list`. */
  isCreating?(): boolean
  close?(): void
}

/** Why the identity of a container is unknown, for the log. */
export const doubts = {
  bundle: 'its bundle is where no runtime of this node writes one',
  config: 'the keys of its config.json are ambiguous',
  answer: "the keys of its runtime's answer are ambiguous"
} as const
