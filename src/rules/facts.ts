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
  /** Number of earlier pods of its workload, where nothing else distinguishes them; for canaries. */
  turn?: number
  windows: boolean
  mirror: boolean
}
