import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import type { Resolve } from './approved.js'
import type { RuntimeVersion } from './base.js'
import type { Provenance } from '../policy/reason.js'

export interface RenderOptions {
  mode: 'audit' | 'enforce'
  /** Profiles that spec.extends names, and the emergency overlay (emergency.ts), where they are. */
  resolve: Resolve
  /** Runtimes of the fleet; none: every runtime that is known. */
  runtimes?: readonly RuntimeVersion[]
  /** `uname -m` of the nodes; default: what was observed, else x86_64. */
  machine?: string
}

/** One immutable rendering (a revision is one in enforce mode). */
export interface Rendering {
  seccomp: LinuxSeccomp
  /** canonicalJson(seccomp): no white space, no newline at the end. These bytes are the file. */
  json: string
  /** `sha256:<hex>` of `json` in UTF-8. */
  digest: `sha256:${string}`
  /** Why each syscall that a rule names is there, and what the emergency overlay took; sorted by name. */
  reasons: Provenance
  /** The same as lines for people. */
  provenance: Record<string, string[]>
}
