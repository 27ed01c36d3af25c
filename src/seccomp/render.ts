import type { LinuxSeccomp, SeccompProfile } from '../api/seccomp-profile.js'
import { type Abi, abis, abisOfMachine, type ScmpArch, scmpArchOf } from './abi.js'
import { type Approved, approvedOf, type Grant, type Resolve } from './approved.js'
import { type RuntimeVersion, baseNames } from './base.js'
import { canonicalJson } from './canonical.js'
import { digestOf } from './digest.js'
import { type Effective, effectiveOf, remainderOf } from './effective.js'
import { widen } from './families.js'
import { groupRules, type Rule, rulesOf } from './normal-form.js'
import { enosysNames } from './probes.js'
import { runtimeDefault, runtimeDefaultRules } from './runtime-default.js'
import { isKnownSyscall } from './syscall-table.js'

export interface RenderOptions {
  mode: 'audit' | 'enforce'
  /** Profiles that spec.extends names. */
  resolve: Resolve
  /** Runtimes of the fleet; none: every runtime that is known. */
  runtimes?: readonly RuntimeVersion[]
  /** `uname -m` of the nodes; default: what was observed, else x86_64. */
  machine?: string
  /** Syscall names refused whatever a profile says. */
  emergencyDeny?: readonly string[]
}

/** One immutable rendering (a revision is one in enforce mode). */
export interface Rendering {
  seccomp: LinuxSeccomp
  /** canonicalJson(seccomp): no white space, no newline at the end. These bytes are the file. */
  json: string
  /** `sha256:<hex>` of `json` in UTF-8. */
  digest: `sha256:${string}`
  /** Why each syscall that a rule names is there, sorted by name. */
  provenance: Record<string, string[]>
}

/** The floor is the union over machines: a name that a machine lacks cannot be called there. */
const floor = runtimeDefaultRules()
const answers = (runtimeDefault().syscalls ?? []).filter((rule) => rule.action === 'SCMP_ACT_ERRNO')
const answered = new Set(answers.flatMap((rule) => rule.names))
const stricterDefaults = ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD']

interface Allowed extends Effective {
  logged: boolean
  reasons: string[]
}

function finish(seccomp: LinuxSeccomp, provenance: Map<string, string[]>): Rendering {
  const json = canonicalJson(seccomp)
  return {
    seccomp,
    json,
    digest: digestOf(json),
    provenance: Object.fromEntries(
      [...provenance].sort(([left], [right]) => (left < right ? -1 : 1))
    )
  }
}

interface Wanted {
  grant: Pick<Grant, 'byName' | 'alternatives'>
  logged: boolean
  reasons: string[]
}

/** approved ∪ extends ∪ base ∪ families, each with its reasons. A person's own words come first. */
function wantedNames(approved: Approved, runtimes: readonly RuntimeVersion[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  const add = (name: string, reason: string, logged = false) => {
    const known = wanted.get(name)
    if (known !== undefined) known.reasons.push(reason)
    else wanted.set(name, { grant: { byName: true, alternatives: [] }, logged, reasons: [reason] })
  }
  for (const [name, grant] of approved.grants) {
    wanted.set(name, { grant, logged: grant.logged, reasons: [...grant.reasons] })
  }
  for (const [name, reason] of baseNames(runtimes)) add(name, `base: ${reason}`)
  const byName = [...approved.grants].filter(([, grant]) => grant.byName).map(([name]) => name)
  for (const [name, reason] of widen(byName)) {
    if (floor.has(name)) add(name, `family of ${reason}`)
  }
  if (approved.everything !== undefined) {
    const logged = approved.everything === 'SCMP_ACT_LOG'
    for (const name of floor.keys()) {
      if (!wanted.has(name)) add(name, 'person: spec.seccomp.defaultAction', logged)
    }
  }
  return wanted
}

/** What is wanted − refusals − emergency denies, within RuntimeDefault. */
function allowedNames(approved: Approved, options: RenderOptions): Map<string, Allowed> {
  const denied = new Set(options.emergencyDeny)
  const allowed = new Map<string, Allowed>()
  for (const [name, { grant, logged, reasons }] of wantedNames(approved, options.runtimes ?? [])) {
    if (denied.has(name) || !isKnownSyscall(name)) continue
    const refusals = approved.refusals.get(name) ?? []
    const effective = effectiveOf(name, grant, refusals, floor, answered)
    if (effective === undefined) continue
    if (effective.beyond) reasons.push('person: beyond RuntimeDefault')
    if (grant.byName && effective.alternatives.length > 0) {
      reasons.push("runtime-default: only with RuntimeDefault's arguments")
    }
    allowed.set(name, { ...effective, logged, reasons })
  }
  return allowed
}

function listedAbis(profile: SeccompProfile, approved: Approved, options: RenderOptions): Abi[] {
  const observed = abis.filter((abi) => (profile.status?.observed?.[abi]?.length ?? 0) > 0)
  const named = abis.filter((abi) => approved.architectures.has(scmpArchOf[abi]))
  const seen = named.length > 0 ? named : observed
  const machines = new Set(
    options.machine === undefined
      ? [...seen, ...observed].map((abi) => (abi === 'aarch64' ? 'aarch64' : 'x86_64'))
      : [options.machine]
  )
  if (machines.size === 0) machines.add('x86_64')
  const native = [...machines].flatMap((machine) => {
    const all = abisOfMachine(machine)
    return options.mode === 'audit' ? all : all.slice(0, 1)
  })
  return abis.filter((abi) => native.includes(abi) || seen.includes(abi))
}

function rulesFor(name: string, alternatives: readonly Rule['args'][], rule: Omit<Rule, 'name'>) {
  if (alternatives.length === 0) return [{ name, ...rule }]
  return alternatives.map(
    (args): Rule => (args === undefined ? { name, ...rule } : { name, ...rule, args })
  )
}

function enforceRules(
  allowed: ReadonlyMap<string, Allowed>,
  approved: Approved,
  why: Map<string, string[]>
): Rule[] {
  const rules: Rule[] = []
  for (const [name, { alternatives, logged, reasons }] of allowed) {
    const action = logged ? 'SCMP_ACT_LOG' : 'SCMP_ACT_ALLOW'
    rules.push(...rulesFor(name, alternatives, { action }))
    why.set(name, reasons)
  }
  for (const [name, refusals] of approved.refusals) {
    for (const { args, ...refusal } of refusals) {
      rules.push({ name, ...refusal, ...(args.length === 0 ? {} : { args }) })
    }
    why.set(name, [...(why.get(name) ?? []), 'person: refused in spec.seccomp'])
  }
  for (const [name, reason] of enosysNames) {
    if (allowed.has(name) || approved.refusals.has(name)) continue
    rules.push({ name, action: 'SCMP_ACT_ERRNO', errnoRet: 38 })
    why.set(name, [reason])
  }
  return rules
}

function auditRules(
  allowed: ReadonlyMap<string, Allowed>,
  denied: ReadonlySet<string>,
  why: Map<string, string[]>
): Rule[] {
  const rules: Rule[] = []
  for (const [name, { alternatives, reasons }] of allowed) {
    const limits = floor.get(name)
    const rest = limits === undefined ? [] : remainderOf(alternatives, limits)
    rules.push(...rulesFor(name, rest === 'all' ? [] : alternatives, { action: 'SCMP_ACT_ALLOW' }))
    if (rest !== 'all' && rest.length > 0) {
      rules.push(...rulesFor(name, rest, { action: 'SCMP_ACT_LOG' }))
    }
    why.set(name, reasons)
  }
  for (const [name, limits] of floor) {
    if (allowed.has(name) || denied.has(name)) continue
    rules.push(...rulesFor(name, limits, { action: 'SCMP_ACT_LOG' }))
    why.set(name, ['runtime-default: let through and logged, because it is not approved'])
  }
  for (const { names, ...answer } of answers) {
    for (const name of names.filter((each) => !allowed.has(each))) {
      rules.push({ name, ...answer })
      why.set(name, ['runtime-default: answers for it'])
    }
  }
  return rules
}

/**
 * Renders what people approved as an OCI `linux.seccomp` object (DESIGN §7). Pure: the same input
 * gives the same bytes, in whatever order it is written.
 *
 * enforce: what is allowed; ENOSYS for newer and probed calls; EPERM for the rest (or the spec's own
 * KILL). Lists the ABIs of spec.seccomp.architectures, else those observed, and the native one: a
 * call through another ABI is killed by libseccomp's filter.
 *
 * audit: what is allowed; RuntimeDefault's remainder is logged; the rest is refused as RuntimeDefault
 * does. Lists every ABI.
 *
 * Throws EXTENDS_CYCLE, NOT_FOUND, and INVALID_DOCUMENT for a refusal that runtimes cannot express.
 */
export function renderProfile(profile: SeccompProfile, options: RenderOptions): Rendering {
  const approved = approvedOf(profile, options.resolve)
  // Audit refuses nothing that RuntimeDefault lets through, so refusals come out as logged.
  const allowed = allowedNames(approved, options)
  const why = new Map<string, string[]>()
  const wanted = profile.spec.seccomp?.defaultAction
  const stricter =
    options.mode === 'enforce' && wanted !== undefined && stricterDefaults.includes(wanted)
  const fallback = stricter
    ? { defaultAction: wanted }
    : { defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: 1 }
  const rules =
    options.mode === 'enforce'
      ? enforceRules(allowed, approved, why)
      : auditRules(allowed, new Set(options.emergencyDeny), why)
  const architectures: ScmpArch[] = listedAbis(profile, approved, options).map(
    (abi) => scmpArchOf[abi]
  )
  const syscalls = groupRules(rules, fallback)
  const named = new Set(syscalls.flatMap((rule) => rule.names))
  for (const name of why.keys()) if (!named.has(name)) why.delete(name)
  return finish({ ...fallback, architectures, syscalls }, why)
}

/**
 * The profile for learn mode outside Kubernetes: RuntimeDefault with every ABI of the machine
 * (`uname -m`), so that an i386 call is recorded instead of killed.
 */
export function renderLearn(machine: string): Rendering {
  const seccomp = runtimeDefault({ machine })
  const syscalls = groupRules(rulesOf(seccomp), seccomp)
  const names = syscalls.flatMap((rule) => rule.names)
  return finish(
    { ...seccomp, syscalls },
    new Map(names.map((name) => [name, ['runtime-default: learn mode']]))
  )
}
