import type { Mode } from '../api/seccomp-rule.js'
import type { ContainerKind } from './facts.js'

/**
 * Outcome for one container:
 * - `assigned`: Localhost with the path of a revision;
 * - `learn`: RuntimeDefault, and its syscalls are recorded;
 * - `runtime-default`: RuntimeDefault, because the revision cannot be used, belongs to another container, or the container is
 *   ephemeral;
 * - `kept`: the author's own explicit choice stays;
 * - `skipped`: no rule covers it, or seccomp cannot apply.
 */
type Outcome = 'assigned' | 'learn' | 'runtime-default' | 'kept' | 'skipped'

/** Reason of a decision; a closed set, so that it can be the label of a metric and be used in scripts. */
export type DecisionReason =
  | 'ready'
  | 'previous'
  | 'learning'
  | 'not-ready'
  | 'not-approved'
  | 'unknown-profile'
  | 'wider'
  | 'other-container'
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
  reason: DecisionReason
  /** `<namespace>/<name>` of the rule, or `label secco.dev/…` for a ready-made label. */
  rule?: string
  /** `<namespace>/<name>` of the profile. */
  profile?: string
  /** `<namespace>/<name>` of the profile that the pod's other container gets; with the reason `other-container`. */
  beside?: string
  mode?: Mode
  /** `sha256:<hex>` */
  revision?: string
  /** Only with `assigned`. */
  localhostProfile?: string
  /** The container gets the revision of the canary. */
  canary?: true
  /** A label gives audit and not enforce: a start under the profile can fail, and nobody decided to enforce it. */
  startAtRisk?: true
  /** Nodes that could run the pod and lack the newest revision; the last may be `…` for more. */
  lacking?: readonly string[]
  /** The author's choice that is overridden: an explicit Unconfined, or a file under an enforcing rule of the root namespace. */
  overrides?: 'Unconfined' | 'Localhost'
  /** The rule of the root namespace that sets the limit, when another rule tightens it. */
  limitedBy?: string
  /** Rules and labels of the namespace that were ignored, because they would have loosened the result. */
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
  | DecisionReason
  | 'excluded-namespace'
  | 'opt-out'
  | 'windows'
  | 'mirror'
  | 'unreadable'
  | 'strange-path'
  | 'too-many-containers'
  | 'too-many-labels'
  | 'not-a-pod'

export interface Decision {
  decision: PodDecisionKind
  reason: PodReason
  /** False only for `denied`. */
  allowed: boolean
  /** Message for the user whose pod is rejected. */
  message: string
  /** Whether the pod level is set to RuntimeDefault. */
  podRuntimeDefault: boolean
  containers: readonly ContainerDecision[]
  /** Keys of all rules that match the pod, the most important first; ready-made labels included. */
  matched: readonly string[]
  warnings: readonly string[]
}
