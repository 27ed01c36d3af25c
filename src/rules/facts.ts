import type { Placement } from './placement.js'
import type { Labels } from './selector.js'

/** seccompProfile of a securityContext, as the author (or an earlier call of ours) wrote it. */
export interface ExistingProfile {
  type: string
  localhostProfile?: string
}

export type ContainerKind = 'init' | 'container' | 'ephemeral'

export interface ContainerFacts {
  name: string
  /** The image as the pod names it; empty if unknown. */
  image: string
  kind: ContainerKind
  /** Position in its list. */
  index: number
  hasSecurityContext: boolean
  seccomp: ExistingProfile | undefined
  /** The path of the revision that it runs under, where `seccomp` is what its author stated. */
  given?: string
  privileged: boolean
  /** The container existed before this request, so it cannot change any more (ephemeral containers on UPDATE). */
  existed: boolean
}

/** Facts that a decision depends on: they are read from a review once, and nothing else of the pod is read. */
export interface PodFacts {
  operation: 'CREATE' | 'UPDATE'
  /** Empty for the pod itself, or `ephemeralcontainers`. */
  subresource: string
  namespace: string
  name: string
  /** `<kind>/<name>` of the topmost owner that the pod itself shows; empty for a bare pod. */
  owner: string
  labels: Labels
  hasMetadata: boolean
  /** Absent when the pod has none. */
  annotations: Labels | undefined
  hasPodSecurityContext: boolean
  podSeccomp: ExistingProfile | undefined
  containers: readonly ContainerFacts[]
  /** Constraints on the nodes that the pod could run on. */
  placement: Placement
  /**
   * Number of earlier pods of its workload, where nothing else distinguishes them; for canaries. A second review of a pod
   * has that of the first.
   */
  turn?: number
  windows: boolean
  /** The mirror of a static pod, which its node sends. */
  mirror: boolean
  /** The pod has the annotation of mirror pods, and somebody else sends it: it is decided about like any other pod. */
  claimsMirror?: boolean
  /** The stored pod of an update was not read, because the review had too much before it. */
  isStoredUnknown?: boolean
}
