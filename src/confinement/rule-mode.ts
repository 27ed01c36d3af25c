import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { mayMove } from '../rules/resolve.js'

/** Returns the profile that a rule names, as `NAMESPACE/NAME`; undefined where the rule names none. */
export function profileOfRule({ metadata, spec }: SeccompRule): string | undefined {
  if (spec.profile === undefined) return undefined
  const { namespace = metadata.namespace ?? rootNamespace, name } = spec.profile
  return `${namespace}/${name}`
}

/**
 * Returns the mode of the rule's profile where new pods get that and not the mode of the rule: people promoted the
 * profile. Undefined where the mode of the rule is used.
 */
export function modeOfProfile(
  { metadata, spec }: SeccompRule,
  profile: SeccompProfile | undefined
): string | undefined {
  const ladder = profile?.spec.ladder
  if (profile === undefined || ladder === undefined) return undefined
  const { namespace = rootNamespace } = profile.metadata
  const wish = {
    platform: (metadata.namespace ?? rootNamespace) === rootNamespace,
    mode: spec.mode
  }
  if (!mayMove(wish, { namespace }, ladder.mode)) return undefined
  const { mode, canary } = ladder
  if (canary !== undefined) {
    const others = mayMove(wish, { namespace }, canary.from.mode) ? canary.from.mode : spec.mode
    return `${mode} for ${canary.percent}%, ${others} for the others`
  }
  return mode === spec.mode ? undefined : mode
}
