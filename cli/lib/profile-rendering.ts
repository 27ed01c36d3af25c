import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import { type Limit, limitsOf } from '../../src/seccomp/review/limits.js'
import type { Provenance } from '../../src/seccomp/policy/reason.js'
import { renderProfile, type Rendering } from '../../src/seccomp/render/render.js'

/** The rendering itself. */
export type Rendered = Pick<Rendering, 'seccomp' | 'digest'>

/** The rendering of a profile in enforce mode, explained; `problem` when it does not render. */
interface ExplainedRendering {
  reasons?: Provenance
  problem?: string
  rendered?: Rendered
  /** What its filter cannot distinguish. */
  limits: Limit[]
}

/** Explains every syscall of a profile for `profile show`: by whom, when and why it is allowed. Pure. */
export function explainRendering(profile: SeccompProfile, resolve: Resolve): ExplainedRendering {
  const limits = limitsOf(profile)
  if (profile.spec.seccomp === undefined && profile.spec.extends === undefined) return { limits }
  try {
    const rendered = renderProfile(profile, { mode: 'enforce', resolve })
    return { reasons: rendered.reasons, rendered, limits }
  } catch (error) {
    return { problem: toSeccoError(error).message, limits }
  }
}
