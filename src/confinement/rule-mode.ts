import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { mayMove } from '../rules/resolve.js'
import type { RuleIndex } from '../rules/rule-index.js'
import { compileForSnapshot } from '../rules/snapshot.js'

/** Returns the profile that a rule names, as `NAMESPACE/NAME`; undefined where the rule names none. */
export function profileOfRule({ metadata, spec }: SeccompRule): string | undefined {
  if (spec.profile === undefined) return undefined
  const { namespace = metadata.namespace ?? rootNamespace, name } = spec.profile
  return `${namespace}/${name}`
}

/** ProfileExists says whether there is a profile of a key; also where nobody may say that there is none. */
export type ProfileExists = (namespace: string, name: string) => boolean

/**
 * Returns the profile that a rule names and that does not exist, as `NAMESPACE/NAME`. A rule of the root namespace without a
 * namespace of its profile means the profile of that name in each pod's namespace, so nothing is known to be missing.
 */
export function missingProfileOf(rule: SeccompRule, exists: ProfileExists): string | undefined {
  const { mode, profile } = rule.spec
  const { namespace: own = rootNamespace } = rule.metadata
  if (mode === 'learn' || profile === undefined) return undefined
  if (profile.namespace === undefined && own === rootNamespace) return undefined
  return exists(profile.namespace ?? own, profile.name) ? undefined : profileOfRule(rule)
}

/** Returns what is wrong with a rule that names a missing profile: its pods do not get it. */
export const missingProfileText = (key: string): string =>
  `its profile ${key} does not exist: no pod gets it`

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

/** RuleMode is the mode of a rule that names a profile and does not only learn; undefined: no rule names it. */
export type RuleMode = 'audit' | 'enforce' | undefined

/** Returns the mode of a profile without a ladder, by the most important rule that names it. */
export function ruleModeOf({ metadata }: SeccompProfile, rules: readonly SeccompRule[]): RuleMode {
  const { namespace = rootNamespace, name } = metadata
  const naming = rules.filter(({ spec }) => spec.profile?.name === name)
  return naming.length === 0
    ? undefined
    : indexedMode(compileForSnapshot(naming).index, { namespace, name })
}

/** Returns the same from rules that are compiled already. */
export function indexedMode(
  rules: Pick<RuleIndex, 'giving'>,
  { namespace, name }: { namespace: string; name: string }
): RuleMode {
  const mode = rules.giving(namespace, name)?.mode
  return mode === 'learn' ? undefined : mode
}

/** The label that every namespace has, with its name (kubernetes.io/docs/reference/labels-annotations-taints). */
const nameLabel = 'kubernetes.io/metadata.name'

/** Returns whether a rule of the root namespace may reach a namespace, as far as its name says. */
function mayReach({ spec }: SeccompRule, namespace: string): boolean {
  const name = spec.namespaceSelector?.matchLabels?.[nameLabel]
  return name === undefined || name === namespace
}

/**
 * Returns in words which mode new pods get instead of the rule's, because people promoted a profile: the one that the rule
 * names, or of a rule that names none those that its containers are learned into. Undefined where the mode of the rule is used.
 * @param profiles the profiles that the reader may see, by `NAMESPACE/NAME`
 */
export function otherModeWords(
  rule: SeccompRule,
  profiles: ReadonlyMap<string, SeccompProfile>
): string | undefined {
  const key = profileOfRule(rule)
  if (key !== undefined) {
    const own = modeOfProfile(rule, profiles.get(key))
    return own === undefined ? undefined : `its profile's mode wins: ${own}`
  }
  const home = rule.metadata.namespace ?? rootNamespace
  const modes = [...profiles.values()]
    .filter(({ metadata, spec }) => {
      const isReached =
        home === rootNamespace
          ? mayReach(rule, metadata.namespace ?? rootNamespace)
          : metadata.namespace === home
      return isReached && spec.workload !== undefined && spec.ladder !== undefined
    })
    .map(({ spec }) => spec.ladder?.mode)
  const others = [...new Set(modes)].filter((mode) => mode !== rule.spec.mode).sort()
  if (others.length === 0) return undefined
  return `containers whose own profile was promoted get its mode: ${others.join(' or ')}`
}
