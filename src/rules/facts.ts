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
  /** As its pod names it; empty where nobody knows. */
  image: string
  kind: ContainerKind
  /** Position in its list. */
  index: number
  hasSecurityContext: boolean
  seccomp: ExistingProfile | undefined
  privileged: boolean
  /** Was there before this request, so it cannot change any more (ephemeral containers on UPDATE). */
  existed: boolean
}

/** What a decision looks at: taken from a review once, and nothing else of the pod is ever touched. */
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
  /** Where it could run. */
  placement: Placement
  /** How many pods of its workload came before it, where only that tells them apart; for canaries. */
  turn?: number
  windows: boolean
  mirror: boolean
}
