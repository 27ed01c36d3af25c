import type { LinuxSeccomp, SeccompAction, SeccompArg } from '../api/seccomp-profile.js'
import { canonicalJson } from '../lib/canonical.js'
import { normalConditions } from '../seccomp/arguments/argument-rules.js'
import { oncePer } from '../lib/once-per.js'
import { listed, plural } from '../lib/plural.js'
import { isAllowAction } from '../seccomp/filter/filter-answers.js'
import { rulesOf } from '../seccomp/policy/normal-form.js'
import {
  callsThatDiffer,
  differenceFromDefault,
  mostCompared
} from '../seccomp/policy/known-defaults.js'
import { runtimeDefaultNames, runtimeDefaultRules } from '../seccomp/policy/runtime-default.js'

/**
 * ProfileKind is what a profile is by its content. Revisions of Secco are found by their digest, not here. `like-default`:
 * no runtime published it, and few of its calls differ from a default that one did.
 */
type ProfileKind = 'runtime-default' | 'like-default' | 'allow-all' | 'other'

const floor = runtimeDefaultNames()
const floorRules = runtimeDefaultRules()
/** The part of RuntimeDefault's names that an audit rendering allows or logs: versions of the default differ by some names. */
const leastShare = 0.93
/** Names that are listed of each kind of difference. */
const mostNamed = 4

/** Whether the kernel makes no call that has this answer; a tracer or a supervisor may let one pass. */
const isDenial = (action: SeccompAction): boolean =>
  action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRAP' || action.startsWith('SCMP_ACT_KILL')

const sameConditions = (a: readonly SeccompArg[], b: readonly SeccompArg[]): boolean =>
  canonicalJson(normalConditions([...a])) === canonicalJson(normalConditions([...b]))

interface Names {
  allowed: Set<string>
  logged: Set<string>
}

function namesOf(seccomp: LinuxSeccomp): Names {
  const names: Names = { allowed: new Set(), logged: new Set() }
  for (const { name, action } of rulesOf(seccomp)) {
    if (action === 'SCMP_ACT_ALLOW') names.allowed.add(name)
    else if (action === 'SCMP_ACT_LOG') names.logged.add(name)
  }
  return names
}

function coversFloor(names: ReadonlySet<string>): boolean {
  let covered = 0
  for (const name of floor) if (names.has(name)) covered += 1
  return covered >= leastShare * floor.size
}

/**
 * Returns the names that a profile lets pass and that the default profile of a container with default capabilities denies,
 * or allows with other arguments only. Sorted. Pure.
 */
export function namesBeyondDefault(seccomp: LinuxSeccomp): string[] {
  const beyond = new Set<string>()
  for (const { name, action, args = [] } of rulesOf(seccomp)) {
    if (isDenial(action)) continue
    const known = floorRules.get(name)
    const isWithin = known?.length === 0 || known?.some((one) => sameConditions(one, args)) === true
    if (!isWithin) beyond.add(name)
  }
  return [...beyond].sort()
}

/** Returns the names that RuntimeDefault allows and the profile does not, whatever their arguments. Sorted. Pure. */
export function namesBelowDefault(seccomp: LinuxSeccomp): string[] {
  const passed = new Set(
    rulesOf(seccomp).flatMap(({ name, action }) => (isDenial(action) ? [] : [name]))
  )
  return [...floor].filter((name) => !passed.has(name)).sort()
}

const difference = oncePer(differenceFromDefault)

/**
 * Returns whether a profile denies nothing, is a default that a runtime published (any version, any capabilities), or like
 * one of today.
 */
export function kindOfProfile(seccomp: LinuxSeccomp): ProfileKind {
  if (isAllowAction(seccomp.defaultAction)) {
    const denies = rulesOf(seccomp).some(({ action }) => !isAllowAction(action))
    return denies ? 'other' : 'allow-all'
  }
  if (!isDenial(seccomp.defaultAction)) return 'other'
  const calls = callsThatDiffer(difference(seccomp))
  if (calls === 0 && !difference(seccomp).otherError) return 'runtime-default'
  // Old versions, and those for few capabilities, allow too few of today's names: what is like one of them is another profile.
  return calls <= mostCompared && coversFloor(namesOf(seccomp).allowed) ? 'like-default' : 'other'
}

const partOf = (before: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`${before} ${listed(names, mostNamed)}`]

/** Returns in what a profile differs from the default that is nearest to it, in words: `2 calls differ: without ptrace; with bpf`. */
export function differenceText(seccomp: LinuxSeccomp): string {
  const found = difference(seccomp)
  const parts = [
    ...partOf('without', found.without),
    ...partOf('with', found.with),
    ...partOf('with other arguments or another answer:', found.otherwise)
  ]
  const calls = callsThatDiffer(found)
  const error = found.otherError ? ['calls that it does not name get another error'] : []
  return [
    ...(calls === 0
      ? []
      : [`${plural(calls, 'call differs', 'calls differ')}: ${parts.join('; ')}`]),
    ...error
  ].join('; ')
}

/** Returns the mode of a rendering of Secco: audit logs what RuntimeDefault allows in addition. */
export function modeOfRendering(seccomp: LinuxSeccomp): 'audit' | 'enforce' {
  const { allowed, logged } = namesOf(seccomp)
  if (logged.size === 0 || isAllowAction(seccomp.defaultAction)) return 'enforce'
  return coversFloor(new Set([...allowed, ...logged])) ? 'audit' : 'enforce'
}
