import type { Labels } from './selector.js'

/** core/v1 Taint. */
export interface Taint {
  key: string
  value: string
  effect: string
}

/** Facts of a node that decide which pods could run on it. */
export interface NodeFacts {
  name: string
  labels: Labels
  taints: readonly Taint[]
  /** `kubectl cordon`. */
  unschedulable: boolean
}
