import type { Mode } from '../api/seccomp-rule.js'
import type { ContainerKind } from './facts.js'

/**
 * What becomes of one container.
 * - `assigned`: Localhost with the path of a revision;
 * - `learn`: RuntimeDefault, and what it does is recorded;
 * - `runtime-default`: RuntimeDefault, because the revision cannot be used or the container is ephemeral;
 * - `kept`: the author's own explicit choice stays;
 * - `skipped`: no rule covers it, or seccomp cannot apply.
 */
export type Outcome = 'assigned' | 'learn' | 'runtime-default' | 'kept' | 'skipped'

/** Why; a closed set, so that it can be a metric's label and be scripted against. */
export type Reason =
  | 'ready'
  | 'previous'
  | 'learning'
  | 'not-ready'
  | 'not-approved'
  | 'unknown-profile'
  | 'wider'
  | 'ephemeral'
  | 'author-localhost'
  | 'privileged'
  | 'existed'
  | 'no-rule'

export interface ContainerDecision {
  container: string
  kind: ContainerKind
  index: number
  outcome: Outcome
  reason: Reason
  /** `<namespace>/<name>` of the rule, or `label secco.dev/…` for a ready-made label. */
  rule?: string
  /** `<namespace>/<name>` of the profile. */
  profile?: string
  mode?: Mode
  /** `sha256:<hex>` */
  revision?: string
  /** Only with `assigned`. */
  localhostProfile?: string
  /** It gets the revision that is tried on a share of the workload's pods. */
  canary?: true
  /** Nodes that could run the pod and lack the newest revision; the last may be `…` for more. */
  lacking?: readonly string[]
  /** The author's explicit Unconfined, or their own file under an enforcing rule of the root, does not stand. */
  overrides?: 'Unconfined' | 'Localhost'
  /** Rules and labels of the workload's people that would have loosened what this container gets. */
  loosening?: readonly string[]
}

export type PodDecisionKind =
  | 'patched'
  /** Would be patched or denied, but the namespace or the installation only observes. */
  | 'observed'
  | 'kept'
  | 'unmatched'
  | 'ignored'
  | 'excluded'
  | 'skipped'
  | 'denied'

export type PodReason =
  | Reason
  | 'excluded-namespace'
  | 'opt-out'
  | 'windows'
  | 'mirror'
  | 'unreadable'
  | 'strange-path'
  | 'not-a-pod'

export interface Decision {
  decision: PodDecisionKind
  reason: PodReason
  /** False only for `denied`. */
  allowed: boolean
  /** What a denied user is told. */
  message: string
  /** Pod level is to become RuntimeDefault. */
  podRuntimeDefault: boolean
  containers: readonly ContainerDecision[]
  /** Keys of all rules that match the pod, the most important first; ready-made labels included. */
  matched: readonly string[]
  warnings: readonly string[]
}
