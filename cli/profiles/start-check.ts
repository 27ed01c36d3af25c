import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import {
  mustNotBeginToEnforce,
  mustNotEnforceUnseenStart
} from '../../src/confinement/seen-start.js'
import { rulesFor } from '../../src/confinement/rules-for.js'
import { profileOfRule } from '../../src/confinement/rule-mode.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { refOfKey } from '../../src/rules/profile-state.js'
import { isStartUnseen } from '../../src/seccomp/review/evidence.js'
import type { Store } from '../../src/store/store.js'

/** Returns a check of what is about to be written: an unseen start must not be enforced at once without force. */
export async function startCheck(
  store: Pick<Store, 'list'>,
  before: SeccompProfile | undefined,
  { force, nevertheless }: { force: boolean | undefined; nevertheless?: string }
): Promise<(profile: SeccompProfile, after?: SeccompProfile) => void> {
  const isUnseen = before !== undefined && isStartUnseen(before)
  const rules = isUnseen ? await rulesFor(store, before.metadata.namespace ?? rootNamespace) : []
  return (profile, after) =>
    mustNotEnforceUnseenStart(profile, rules, {
      ...{ force, nevertheless },
      ...(after === undefined ? {} : { after })
    })
}

/** Returns the profiles that a rule can mean, as far as the person may read them. */
async function profilesOf(
  store: Pick<Store, 'get' | 'list'>,
  key: string,
  rule: SeccompRule
): Promise<SeccompProfile[]> {
  const ref = refOfKey(key)
  const isAnywhere = ref.namespace === rootNamespace && rule.spec.profile?.namespace === undefined
  try {
    const all = isAnywhere ? await store.list('SeccompProfile') : []
    const named = isAnywhere ? undefined : await store.get('SeccompProfile', ref)
    return named === undefined ? all : [named]
  } catch (error) {
    if (toSeccoError(error).code === 'FORBIDDEN') return []
    throw error
  }
}

/** Checks a rule that is about to be written. @throws SeccoError INVALID_ARGUMENT naming the field `force` */
export async function checkRule(
  store: Pick<Store, 'get' | 'list'>,
  rule: SeccompRule,
  force: boolean | undefined
): Promise<void> {
  const key = profileOfRule(rule)
  if (key === undefined || rule.spec.mode !== 'enforce') return
  const profiles = await profilesOf(store, key, rule)
  const homes = new Set(profiles.map(({ metadata }) => metadata.namespace ?? rootNamespace))
  const rules = (await Promise.all([...homes].map((home) => rulesFor(store, home)))).flat()
  mustNotBeginToEnforce(rule, profiles, { rules, force })
}
