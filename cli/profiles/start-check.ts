import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import {
  mustNotBeginToEnforce,
  mustNotEnforceUnseenStart
} from '../../src/confinement/seen-start.js'
import { profileOfRule } from '../../src/confinement/rule-mode.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { refOfKey } from '../../src/rules/profile-state.js'
import { isStartUnseen } from '../../src/seccomp/review/evidence.js'
import type { Store } from '../../src/store/store.js'

/** Returns the rules that can give a profile to pods, as far as the person may list them: without them the hub's words hold. */
async function rulesFor(store: Pick<Store, 'list'>, namespace: string): Promise<SeccompRule[]> {
  const lists = [...new Set([namespace, rootNamespace])].map((one) =>
    store.list('SeccompRule', one).catch((error: unknown) => {
      if (toSeccoError(error).code === 'FORBIDDEN') return []
      throw error
    })
  )
  return (await Promise.all(lists)).flat()
}

/** Returns a check of what is about to be written: an unseen start must not be enforced at once without force. */
export async function startCheck(
  store: Pick<Store, 'list'>,
  before: SeccompProfile | undefined,
  force: boolean | undefined,
  nevertheless?: string
): Promise<(profile: SeccompProfile) => void> {
  const isUnseen = before !== undefined && isStartUnseen(before)
  const rules = isUnseen ? await rulesFor(store, before.metadata.namespace ?? rootNamespace) : []
  return (profile) => mustNotEnforceUnseenStart(profile, rules, force, nevertheless)
}

/** Checks a rule that is about to be written. @throws SeccoError INVALID_ARGUMENT naming the field `force` */
export async function checkRule(
  store: Pick<Store, 'get' | 'list'>,
  rule: SeccompRule,
  force: boolean | undefined
): Promise<void> {
  const key = profileOfRule(rule)
  if (key === undefined || rule.spec.mode !== 'enforce') return
  const ref = refOfKey(key)
  const profile = await store.get('SeccompProfile', ref).catch((error: unknown) => {
    if (toSeccoError(error).code === 'FORBIDDEN') return undefined
    throw error
  })
  const rules = profile === undefined ? [] : await rulesFor(store, ref.namespace)
  mustNotBeginToEnforce(rule, profile, { rules, force })
}
