import type { SeccompAction, SeccompArg } from '../../api/seccomp-profile.js'
import type { Reason } from '../policy/reason.js'

/** What people allowed for one name. */
export interface Grant {
  /** Approved by name alone. RuntimeDefault's argument rules still apply to it. */
  byName: boolean
  /** Approved for these arguments: alternatives, each with conditions that must all hold. */
  alternatives: SeccompArg[][]
  /** Whether it is allowed and logged (SCMP_ACT_LOG), unless something else allows it silently. */
  logged: boolean
  reasons: Reason[]
}

/** What people denied for one name; `args` empty: always. */
export interface DenyRule {
  action: SeccompAction
  errnoRet?: number
  args: SeccompArg[]
}

export interface Approved {
  grants: Map<string, Grant>
  denyRules: Map<string, DenyRule[]>
  /** The default action if it allows syscalls that are not named (within RuntimeDefault). */
  everything: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_LOG' | undefined
  architectures: Set<string>
}
