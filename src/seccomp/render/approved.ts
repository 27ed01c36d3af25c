import { describeMisleading, misleadingRules } from '../../api/misleading-rules.js'
import { rootNamespace } from '../../api/names.js'
import type {
  LinuxSeccomp,
  SeccompAction,
  SeccompArg,
  SeccompProfile
} from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { checkApproval } from '../policy/approval.js'
import { normalConditions, sameConditions } from '../arguments/argument-rules.js'
import { mobyDefault } from '../policy/gen/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { builtinProfile } from './builtin.js'
import { canonicalJson } from '../../lib/canonical.js'
import { rulesOf } from '../policy/normal-form.js'
import { observedReason, sightingsOf } from './observed-by.js'
import type { Reason } from '../policy/reason.js'

/** What people allowed for one name. */
export interface Grant {
  /** Approved by name alone. RuntimeDefault's argument rules still apply to it. */
  byName: boolean
  /** Approved for these arguments: alternatives, each with conditions that must all hold. */
  alternatives: SeccompArg[][]
  /** Whether it is allowed and logged (SCMP_ACT_LOG), unless something else allows it silently. */
  logged: boolean
  reasons: Reason[]
}

/** What people denied for one name; `args` empty: always. */
export interface DenyRule {
  action: SeccompAction
  errnoRet?: number
  args: SeccompArg[]
}

export interface Approved {
  grants: Map<string, Grant>
  denyRules: Map<string, DenyRule[]>
  /** The default action if it allows syscalls that are not named (within RuntimeDefault). */
  everything: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_LOG' | undefined
  architectures: Set<string>
}

export type Resolve = (namespace: string, name: string) => SeccompProfile | undefined

/** Namespace and name that an entry of spec.extends stands for. */
export function extendsRef(entry: string, namespace: string): { namespace: string; name: string } {
  const slash = entry.indexOf('/')
  return slash < 0
    ? { namespace, name: entry }
    : { namespace: entry.slice(0, slash), name: entry.slice(slash + 1) }
}

/** Returns the nodes that observed a name, and the person who approved it. */
function reasonsOf(profile: SeccompProfile, name: string): Reason[] {
  const sighting = sightingsOf(profile).get(name)
  const approval = profile.status?.approvals?.at(-1)
  const person: Reason = {
    kind: 'person',
    text: approval?.reason ?? (approval === undefined ? 'spec.seccomp' : 'approved'),
    ...(approval === undefined ? {} : { by: approval.by, at: approval.at })
  }
  if (sighting === undefined) return [person]
  return [observedReason(sighting), ...(approval === undefined ? [] : [person])]
}

const everywhere = (denyRule: DenyRule) => denyRule.args.length === 0

/** Sorts deny rules, those for all arguments first (one of them makes the others void), without repetitions. */
function sortedDenyRules(denyRules: readonly DenyRule[]): DenyRule[] {
  const sorted = denyRules
    .map((denyRule) => ({ denyRule, key: `${denyRule.args.length} ${canonicalJson(denyRule)}` }))
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ denyRule }) => denyRule)
  const first = sorted[0]
  if (first !== undefined && everywhere(first)) return [first]
  return sorted.filter(
    (denyRule, index) =>
      sorted.findIndex((other) => sameConditions(other.args, denyRule.args)) === index
  )
}

/** Names that profiles of other tools have for machines that Secco has no table of. */
const foreign = new Set(mobyDefault.syscalls.flatMap((rule): readonly string[] => rule.names))

/** `syscall_500` is how a recorder names a number that its table lacks: it is left out, as a name of another machine is. */
const isSyscall = (name: string): boolean =>
  isKnownSyscall(name) || foreign.has(name) || /^syscall_\d+$/.test(name)

/**
 * Rejects names that are no syscall, and names that are both allowed and denied for all arguments: nobody can have meant
 * them, and what the profile does instead is not what was approved.
 * @throws SeccoError INVALID_DOCUMENT
 */
function checkNames(seccomp: LinuxSeccomp): void {
  const rules = seccomp.syscalls ?? []
  const allowed = new Map<string, number>()
  for (const [at, { names, action, args = [] }] of rules.entries()) {
    const field = `spec.seccomp.syscalls[${at}].names`
    const unknown = names.find((name) => !isSyscall(name))
    if (unknown !== undefined) {
      const message = `${field}: ${unknown} is no syscall: correct or remove it`
      throw new SeccoError('INVALID_DOCUMENT', message, { field })
    }
    if (args.length === 0 && passes(action)) for (const name of names) allowed.set(name, at)
  }
  for (const [at, { names, action, args = [] }] of rules.entries()) {
    if (args.length > 0 || passes(action)) continue
    const name = names.find((one) => allowed.has(one))
    if (name === undefined) continue
    const field = `spec.seccomp.syscalls[${at}].names`
    const message = `${field}: ${name} is denied here and allowed by syscalls[${allowed.get(name) ?? 0}]: remove one of them`
    throw new SeccoError('INVALID_DOCUMENT', message, { field })
  }
}

const passes = (action: string): boolean => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

function ownApproved(profile: SeccompProfile): Approved {
  const { seccomp } = profile.spec
  const grants = new Map<string, Grant>()
  const denyRules = new Map<string, DenyRule[]>()
  const [misleading] = seccomp === undefined ? [] : misleadingRules(seccomp)
  if (misleading !== undefined) {
    throw new SeccoError('INVALID_DOCUMENT', `spec.seccomp: ${describeMisleading(misleading)}`, {
      field: `spec.seccomp.${misleading.field}`
    })
  }
  if (seccomp !== undefined) checkNames(seccomp)
  for (const rule of seccomp === undefined ? [] : rulesOf(seccomp)) {
    const args = normalConditions(rule.args ?? [])
    if (rule.action !== 'SCMP_ACT_ALLOW' && rule.action !== 'SCMP_ACT_LOG') {
      const { action, errnoRet } = rule
      const denyRule = { action, args, ...(errnoRet === undefined ? {} : { errnoRet }) }
      denyRules.set(rule.name, [...(denyRules.get(rule.name) ?? []), denyRule])
      continue
    }
    const grant = grants.get(rule.name)
    grants.set(rule.name, {
      byName: args.length === 0 || grant?.byName === true,
      alternatives: [...(grant?.alternatives ?? []), ...(args.length === 0 ? [] : [args])],
      logged: rule.action === 'SCMP_ACT_LOG' && grant?.logged !== false,
      reasons: reasonsOf(profile, rule.name)
    })
  }
  const fallback = seccomp?.defaultAction
  return {
    grants,
    denyRules: new Map([...denyRules].map(([name, list]) => [name, sortedDenyRules(list)])),
    everything: fallback === 'SCMP_ACT_ALLOW' || fallback === 'SCMP_ACT_LOG' ? fallback : undefined,
    architectures: new Set(seccomp?.architectures)
  }
}

/**
 * Union of a profile's own approved part and its parents'. The order of parents does not matter: what
 * any of them allows is allowed, but a deny rule for some arguments stays. The child's own
 * rules win for every name that it has rules for.
 */
function combine(
  own: Approved,
  parents: readonly { label: string; approved: Approved }[]
): Approved {
  const grants = new Map(own.grants)
  const inherited = new Map<string, DenyRule[]>()
  const architectures = new Set(own.architectures)
  const everything = new Set([own.everything])
  for (const { label, approved } of parents) {
    for (const [name, grant] of approved.grants) {
      if (own.denyRules.get(name)?.some(everywhere) === true) continue
      const known = grants.get(name)
      grants.set(name, {
        byName: grant.byName || known?.byName === true,
        alternatives: [...(known?.alternatives ?? []), ...grant.alternatives],
        logged: grant.logged && known?.logged !== false,
        reasons: [
          ...(known?.reasons ?? []),
          { kind: 'extends', text: 'approved in a profile that it extends', by: label }
        ]
      })
    }
    for (const [name, denyRules] of approved.denyRules) {
      if (own.grants.has(name) || own.denyRules.has(name)) continue
      inherited.set(name, [...(inherited.get(name) ?? []), ...denyRules])
    }
    for (const architecture of approved.architectures) architectures.add(architecture)
    everything.add(approved.everything)
  }
  const denyRules = new Map(own.denyRules)
  for (const [name, list] of inherited) {
    const kept = grants.has(name) ? list.filter((denyRule) => !everywhere(denyRule)) : list
    if (kept.length > 0) denyRules.set(name, sortedDenyRules(kept))
  }
  const choices = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'] as const
  return {
    grants,
    denyRules,
    everything: choices.find((choice) => everything.has(choice)),
    architectures
  }
}

/**
 * What people approved for this profile: its own spec and, by union, everything it extends.
 * A name that `resolve` does not have may be a shipped one. Throws EXTENDS_CYCLE, NOT_FOUND (field
 * `spec.extends[n]`) and APPROVAL_INVALID where a spec is not what its approval is about.
 */
export function approvedOf(profile: SeccompProfile, resolve: Resolve): Approved {
  const done = new Map<string, Approved>()
  const visit = (current: SeccompProfile, path: readonly string[]): Approved => {
    const namespace = current.metadata.namespace ?? rootNamespace
    const key = `${namespace}/${current.metadata.name}`
    if (path.includes(key)) {
      const cycle = [...path.slice(path.indexOf(key)), key].join(' → ')
      throw new SeccoError('EXTENDS_CYCLE', `profile ${key} extends itself: ${cycle}`, {
        field: 'spec.extends'
      })
    }
    const known = done.get(key)
    if (known !== undefined) return known
    checkApproval(current)
    const parents = (current.spec.extends ?? []).map((entry, index) => {
      const ref = extendsRef(entry, namespace)
      const label = `${ref.namespace}/${ref.name}`
      const parent = resolve(ref.namespace, ref.name) ?? builtinProfile(ref.namespace, ref.name)
      if (parent === undefined) {
        throw new SeccoError('NOT_FOUND', `profile ${key} extends ${label}, which does not exist`, {
          field: `spec.extends[${index}]`
        })
      }
      return { label, approved: visit(parent, [...path, key]) }
    })
    const approved = combine(ownApproved(current), parents)
    done.set(key, approved)
    return approved
  }
  return visit(profile, [])
}
