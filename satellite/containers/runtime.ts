import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'

export interface PodRef {
  namespace: string
  name: string
  uid: string
}

/** One container as its runtime describes it. */
export interface Container {
  id: string
  /** runc, crun, containerd, docker, podman; 'unknown' when only the kernel's cgroup name told of it. */
  runtime: string
  /** The pod's container name, else the runtime's name for it, else the id. */
  name: string
  image?: string
  /** Thread group id of its first process in this pid namespace; 0 when it has ended. */
  pid: number
  /** The same, kept after the end: with its mount namespace it tells runs apart where cgroups do not. */
  firstPid?: number
  /** Inode number of its mount namespace, while it lives. */
  mntns?: number
  /** Inode number of its cgroup in the unified hierarchy, kept after the end. */
  cgroupId?: bigint
  /** Folder of that cgroup, where the runtime tells it. */
  cgroupFolder?: string | undefined
  status: 'created' | 'running' | 'stopped'
  /** Labels and annotations together, as the runtime gives them. */
  labels: Record<string, string>
  pod?: PodRef
  /** `linux.seccomp` of its OCI configuration: what its filter was made from. */
  seccomp?: LinuxSeccomp
  /** Every capability, nothing masked: runtimes put no filter on it. */
  privileged?: boolean
  bundle?: string
}

/** What a runtime's folders told by themselves. */
export interface RuntimeNews {
  /** As they are now, or were: without a process when they are gone. */
  containers: Container[]
  /** There was more: only a listing knows. */
  missed: boolean
}

/** A place that knows containers. Absence of the runtime is no error: it lists nothing. */
export interface ContainerRuntime {
  readonly name: string
  list(): Promise<Container[]>
  byId(id: string): Promise<Container | undefined>
  /** Empty when it cannot be told. */
  version(): Promise<string>
  /** Begins to collect news; false where that cannot be. `appeared`: a container is being made, while `tell(true)`. */
  follow?(appeared: () => void): boolean
  tell?(wanted: boolean): void
  /** What came since the last call; costs nothing when nothing did. */
  news?(): RuntimeNews
  close?(): void
}
