import type { LinuxSeccomp } from '../api/seccomp-profile.js'
import { isAllowAction } from '../seccomp/filter/filter-answers.js'
import { rulesOf } from '../seccomp/policy/normal-form.js'
import { runtimeDefaultNames } from '../seccomp/policy/runtime-default.js'

/** ProfileKind is what a profile is by its content. Revisions of Secco are found by their digest, not here. */
type ProfileKind = 'runtime-default' | 'allow-all' | 'other'

const floor = runtimeDefaultNames()
/** Versions of the default profile differ by some names, and capabilities add some dozens. */
const leastShare = 0.93
const mostBeyond = 70

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

/** Returns whether a profile is the runtimes' default (any version, any capabilities) or denies nothing. */
export function kindOfProfile(seccomp: LinuxSeccomp): ProfileKind {
  const { allowed } = namesOf(seccomp)
  if (isAllowAction(seccomp.defaultAction)) {
    const denies = rulesOf(seccomp).some(({ action }) => !isAllowAction(action))
    return denies ? 'other' : 'allow-all'
  }
  const beyond = [...allowed].filter((name) => !floor.has(name)).length
  return coversFloor(allowed) && beyond <= mostBeyond ? 'runtime-default' : 'other'
}

/** Returns the mode of a rendering of Secco: audit logs what RuntimeDefault allows in addition. */
export function modeOfRendering(seccomp: LinuxSeccomp): 'audit' | 'enforce' {
  const { allowed, logged } = namesOf(seccomp)
  if (logged.size === 0 || isAllowAction(seccomp.defaultAction)) return 'enforce'
  return coversFloor(new Set([...allowed, ...logged])) ? 'audit' : 'enforce'
}
