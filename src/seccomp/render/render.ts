import { describeMisleading, misleadingRules } from '../../api/misleading-rules.js'
import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { scmpArchOf } from '../../syscalls/abi.js'
import {
  afterEmergency,
  type Allowed,
  allowedNames,
  answers,
  auditParts,
  floor,
  leftOut,
  type Why
} from './allowed-names.js'
import { approvedOf } from './approved.js'
import type { Approved } from './grants.js'
import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'
import { asList } from './effective.js'
import { type Emergency, hasAnswer, resolveEmergency } from './emergency.js'
import { commonAction } from './fleet-keys.js'
import { listedAbis } from './listed-abis.js'
import { withinSize } from '../filter/filter-size.js'
import { withMultiplexers } from '../filter/multiplexers.js'
import type { Rendering, RenderOptions } from './render-types.js'
import { groupRules, type NormalRule, rulesOf } from '../policy/normal-form.js'
import { enosysNames } from '../policy/probes.js'
import { type Reason, reasonText } from '../policy/reason.js'
import { denyRulesFor } from './deny-rules.js'
import { runtimeDefault } from '../policy/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

export type { Rendering, RenderOptions } from './render-types.js'

const stricterDefaults = ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD']

function finish(seccomp: LinuxSeccomp, why: Why): Rendering {
  // Nodes reject such a rule, wherever it came from.
  const [misleading] = misleadingRules(seccomp)
  if (misleading !== undefined) {
    throw new SeccoError('INVALID_DOCUMENT', `rendered: ${describeMisleading(misleading)}`)
  }
  const json = canonicalJson(seccomp)
  const sorted = () => [...why].sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    seccomp,
    json,
    digest: digestOf(json),
    // Of a thousand profiles that a hub renders at its start nobody reads them.
    get reasons() {
      return Object.fromEntries(sorted())
    },
    get provenance() {
      return Object.fromEntries(sorted().map(([name, list]) => [name, list.map(reasonText)]))
    }
  }
}

const answeredPlainly: Reason = {
  kind: 'filter',
  text: 'a denial gets the default answer, because libseccomp cannot distinguish its arguments'
}

function rulesFor(
  name: string,
  alternatives: readonly NormalRule['args'][],
  rule: Omit<NormalRule, 'name'>
) {
  if (alternatives.length === 0) return [{ name, ...rule }]
  return alternatives.map(
    (args): NormalRule => (args === undefined ? { name, ...rule } : { name, ...rule, args })
  )
}

/** Returns the deny rules with an answer of their own, to go with the allow rules; those of the emergency first. */
function denyRulesBeside(
  passing: readonly NormalRule[],
  denyRules: Approved['denyRules'],
  emergency: Emergency,
  why: Why
): NormalRule[] {
  const through = new Map<string, NormalRule['args'][]>()
  for (const { name, args } of passing) through.set(name, [...(through.get(name) ?? []), args])
  const names = [...new Set([...emergency.denyRules.keys(), ...denyRules.keys()])]
  return names.flatMap((name) => {
    const taken = (emergency.denyRules.get(name) ?? []).filter(hasAnswer)
    const candidates = [...taken, ...(denyRules.get(name) ?? [])]
    const allowed = (through.get(name) ?? []).map((args) => args ?? [])
    const { rules, all } = denyRulesFor(name, allowed, candidates)
    if (!all) why.set(name, [...(why.get(name) ?? []), answeredPlainly])
    return rules
  })
}

function enforceRules(
  allowed: ReadonlyMap<string, Allowed>,
  approved: Approved,
  emergency: Emergency,
  why: Why
): NormalRule[] {
  const rules: NormalRule[] = []
  for (const [name, { alternatives, logged, reasons }] of allowed) {
    const action = logged ? 'SCMP_ACT_LOG' : 'SCMP_ACT_ALLOW'
    rules.push(...rulesFor(name, alternatives, { action }))
    why.set(name, reasons)
  }
  rules.push(...denyRulesBeside(rules, approved.denyRules, emergency, why))
  for (const name of approved.denyRules.keys()) {
    const denied: Reason = { kind: 'person', text: 'denied in spec.seccomp' }
    why.set(name, [...(why.get(name) ?? []), denied])
  }
  // Above the highest number that a filter names runc answers ENOSYS by itself; every known new call is
  // named, so that the border lies at the end of our knowledge and not somewhere below it.
  for (const [name, text] of enosysNames) {
    if (allowed.has(name) || approved.denyRules.has(name)) continue
    if (emergency.denyRules.get(name)?.some(hasAnswer) === true) continue
    rules.push({ name, action: 'SCMP_ACT_ERRNO', errnoRet: 38 })
    why.set(name, [{ kind: 'enosys', text }])
  }
  return rules
}

function auditRules(
  allowed: ReadonlyMap<string, Allowed>,
  emergency: Emergency,
  why: Why
): NormalRule[] {
  const rules: NormalRule[] = []
  for (const [name, { alternatives, reasons }] of allowed) {
    const parts = auditParts(name, alternatives, emergency)
    // Conditions that never hold allow nothing; an empty list of them does not mean "any arguments".
    if (parts.silent.length > 0) {
      rules.push(...rulesFor(name, asList(parts.silent), { action: 'SCMP_ACT_ALLOW' }))
    }
    if (parts.logged.length > 0) {
      rules.push(...rulesFor(name, asList(parts.logged), { action: 'SCMP_ACT_LOG' }))
    }
    why.set(name, reasons)
  }
  for (const [name, limits] of floor) {
    if (allowed.has(name)) continue
    const within = afterEmergency(name, [...limits], emergency)
    if (within === undefined) continue
    rules.push(...rulesFor(name, within.left, { action: 'SCMP_ACT_LOG' }))
    const text = 'allowed and logged, because it is not approved'
    why.set(name, [{ kind: 'runtime-default', text }, ...within.reasons])
  }
  rules.push(...denyRulesBeside(rules, new Map(), emergency, why))
  const taken = (name: string) => emergency.denyRules.get(name)?.some(hasAnswer) === true
  for (const { names, ...answer } of answers) {
    for (const name of names.filter((each) => !allowed.has(each) && !taken(each))) {
      rules.push({ name, ...answer })
      why.set(name, [{ kind: 'runtime-default', text: 'RuntimeDefault sets its answer' }])
    }
  }
  return rules
}

/**
 * Renders what people approved as an OCI `linux.seccomp` object (DESIGN §7). Pure: the same input
 * gives the same bytes, in whatever order it is written.
 *
 * enforce: what is allowed; ENOSYS for newer calls and those that callers try first; EPERM for the rest (or the spec's own
 * KILL). Lists the ABIs of spec.seccomp.architectures and the native one: a call through another ABI
 * is killed by libseccomp's filter.
 *
 * audit: what is allowed; RuntimeDefault's remainder is logged; the rest is denied as RuntimeDefault
 * does. Lists every ABI.
 *
 * What the emergency overlay denies is denied in both modes, names and arguments, before anything else.
 *
 * Throws EXTENDS_CYCLE, NOT_FOUND, and INVALID_DOCUMENT for a deny rule that runtimes cannot express.
 */
export function renderProfile(profile: SeccompProfile, options: RenderOptions): Rendering {
  const approved = approvedOf(profile, options.resolve)
  const emergency = resolveEmergency(options.resolve)
  // Audit denies nothing that RuntimeDefault allows, so a person's deny rules come out as logged.
  const why: Why = new Map()
  const listed = listedAbis(profile, approved, options)
  const allowed = allowedNames(approved, emergency, { ...options, listed }, why)
  const wanted = profile.spec.seccomp?.defaultAction
  const stricter =
    options.mode === 'enforce' && wanted !== undefined && stricterDefaults.includes(wanted)
  const runtimes = options.runtimes ?? []
  const fallback = stricter
    ? { defaultAction: commonAction(runtimes, wanted) }
    : { defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: 1 }
  const rules =
    options.mode === 'enforce'
      ? enforceRules(allowed, approved, emergency, why)
      : auditRules(allowed, emergency, why)
  const architectures = listed.map((abi) => scmpArchOf[abi])
  const { kept, cut } = withinSize(withMultiplexers(rules, listed, why), listed)
  for (const name of cut) why.set(name, [...(why.get(name) ?? []), leftOut])
  const syscalls = groupRules(
    kept.map((rule) => ({
      ...rule,
      action: commonAction(runtimes, rule.action)
    })),
    fallback
  )
  const named = new Set(syscalls.flatMap((rule) => rule.names))
  for (const [name, list] of why) {
    if (!named.has(name) && !list.some(({ kind }) => kind === 'filter')) why.delete(name)
  }
  for (const name of emergency.denyRules.keys()) {
    const known = why.get(name) ?? []
    if (isKnownSyscall(name) && !known.some(({ kind }) => kind === 'emergency')) {
      why.set(name, [...known, emergency.reasonOf(name)])
    }
  }
  return finish({ ...fallback, architectures, syscalls }, why)
}

/** Renders learn mode outside Kubernetes: RuntimeDefault with every ABI of `uname -m`, so that no i386 call is killed. */
export function renderLearn(machine: string): Rendering {
  const seccomp = runtimeDefault({ machine })
  const syscalls = groupRules(rulesOf(seccomp), seccomp)
  const names = syscalls.flatMap((rule) => rule.names)
  return finish(
    { ...seccomp, syscalls },
    new Map(names.map((name) => [name, [{ kind: 'runtime-default', text: 'learn mode' }]]))
  )
}
