import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import {
  isNamedBy,
  mustNotBeginToEnforce,
  type StoredObjects,
  withProfile,
  withRule
} from '../../src/confinement/start-gate.js'
import { rulesFor } from '../../src/confinement/rules-for.js'
import { keyOfProfile, resolverOf } from '../../src/seccomp/review/start-risk.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { extendsRef } from '../../src/seccomp/render/approved.js'
import { emergencyName } from '../../src/seccomp/render/emergency.js'
import type { ObjectRef, Store } from '../../src/store/store.js'

type Reader = Pick<Store, 'get' | 'list'>

const homeOf = ({ metadata }: SeccompProfile): string => metadata.namespace ?? rootNamespace

/** Returns what a person may read, and otherwise nothing. */
async function readable<Value>(reading: Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await reading
  } catch (error) {
    if (toSeccoError(error).code === 'FORBIDDEN') return otherwise
    throw error
  }
}

/** Returns profiles with those that they are built on, and with what is blocked, as far as the person may read them. */
async function withParents(
  store: Reader,
  profiles: readonly SeccompProfile[]
): Promise<SeccompProfile[]> {
  const known = new Map<string, SeccompProfile | undefined>()
  for (const one of profiles) known.set(keyOfProfile(one), one)
  const read = async (ref: ObjectRef): Promise<void> => {
    const key = `${ref.namespace}/${ref.name}`
    if (known.has(key)) return
    known.set(key, undefined)
    const found = await readable(store.get('SeccompProfile', ref), undefined)
    if (found === undefined) return
    known.set(key, found)
    await readParents(found)
  }
  const readParents = async (profile: SeccompProfile): Promise<void> => {
    for (const entry of profile.spec.extends ?? []) await read(extendsRef(entry, homeOf(profile)))
  }
  await read({ namespace: rootNamespace, name: emergencyName })
  for (const one of profiles) await readParents(one)
  return [...known.values()].filter((one) => one !== undefined)
}

/** Returns the profiles of a namespace; of the root namespace all, because those of any namespace can be meant. */
async function profilesAround(store: Reader, namespace: string): Promise<SeccompProfile[]> {
  const home = namespace === rootNamespace ? undefined : namespace
  const own = await readable(store.list('SeccompProfile', home), [])
  return withParents(store, own)
}

/** Returns the rules that can give one of some profiles to pods. */
async function rulesAround(
  store: Reader,
  profiles: readonly SeccompProfile[],
  namespace: string
): Promise<SeccompRule[]> {
  const homes = new Set([namespace, ...profiles.map(homeOf)])
  const all = (await Promise.all([...homes].map((home) => rulesFor(store, home)))).flat()
  const byKey = new Map(
    all.map((rule) => [`${rule.metadata.namespace ?? ''}/${rule.metadata.name}`, rule])
  )
  return [...byKey.values()]
}

/** Returns the rules that can give a profile to pods, as far as the person may read them. */
export const rulesOf = (store: Reader, profile: SeccompProfile): Promise<SeccompRule[]> =>
  rulesAround(store, [profile], homeOf(profile))

interface CheckOptions {
  force: boolean | undefined
  nevertheless?: (key: string) => string
}

/** StartCheck checks what is about to be written in place of what is stored. @throws SeccoError INVALID_ARGUMENT */
export type StartCheck = (before: SeccompProfile | undefined, after: SeccompProfile) => void

/** Returns a check of writes to profiles of a namespace: none of them begins to enforce a start that can fail, unless forced. */
export async function startCheck(
  store: Reader,
  namespace: string,
  { force, nevertheless }: CheckOptions
): Promise<StartCheck> {
  if (force === true) return () => undefined
  const around = await profilesAround(store, namespace)
  const rules = await rulesAround(store, around, namespace)
  return (before, after) => {
    const stored: StoredObjects = {
      profiles: around.filter((one) => keyOfProfile(one) !== keyOfProfile(after)),
      rules
    }
    const was =
      before === undefined ? stored : { ...stored, profiles: [...stored.profiles, before] }
    const resolve = resolverOf(around)
    mustNotBeginToEnforce(was, withProfile(was, after), { force, nevertheless, resolve })
  }
}

/** Checks a rule that is about to be written. @throws SeccoError INVALID_ARGUMENT naming the field `force` */
export async function checkRule(
  store: Reader,
  rule: SeccompRule,
  force: boolean | undefined
): Promise<void> {
  if (force === true || rule.spec.profile === undefined) return
  const own = rule.metadata.namespace ?? rootNamespace
  const around = await profilesAround(store, rule.spec.profile.namespace ?? own)
  const profiles = around.filter((one) => isNamedBy(one, rule))
  const rules = await rulesAround(store, profiles, own)
  const before = { profiles, rules }
  mustNotBeginToEnforce(before, withRule(before, rule), { force, resolve: resolverOf(around) })
}
