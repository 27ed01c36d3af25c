import { describeMisleading, misleadingRules } from '../../api/misleading-rules.js'
import { rootNamespace } from '../../api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { checkApproval } from '../policy/approval.js'
import { normalConditions } from '../arguments/argument-rules.js'
import { mobyDefault } from '../policy/gen/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { builtinProfile } from './builtin.js'
import { observedReason, sightingsOf } from './observed-by.js'
import type { Reason } from '../policy/reason.js'
import type { Approved, DenyRule, Grant } from './grants.js'
import {
  combine,
  distinctConditions,
  mustBeRenderable,
  newGrant,
  sortedDenyRules
} from './union.js'

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
  for (const { names, action, errnoRet, args: given = [] } of seccomp?.syscalls ?? []) {
    const args = normalConditions(given)
    const denyRule = { action, args, ...(errnoRet === undefined ? {} : { errnoRet }) }
    for (const name of new Set(names)) {
      if (!passes(action)) {
        const denied = denyRules.get(name) ?? []
        denied.push(denyRule)
        denyRules.set(name, denied)
        continue
      }
      const grant = grants.get(name) ?? newGrant(reasonsOf(profile, name))
      if (args.length === 0) grant.byName = true
      else grant.alternatives.push(args)
      grant.logged &&= action === 'SCMP_ACT_LOG'
      grants.set(name, grant)
    }
  }
  for (const grant of grants.values()) grant.alternatives = distinctConditions(grant.alternatives)
  const fallback = seccomp?.defaultAction
  return {
    grants,
    denyRules: new Map([...denyRules].map(([name, list]) => [name, sortedDenyRules(list)])),
    everything: fallback === 'SCMP_ACT_ALLOW' || fallback === 'SCMP_ACT_LOG' ? fallback : undefined,
    architectures: new Set(seccomp?.architectures)
  }
}

/**
 * Returns whether a profile is bound to the object that it extends, and not to its name alone: to one of another namespace.
 * Everybody trusts the root namespace, and who approves in the profile's own one may change the profile itself.
 */
export function isBoundParent({ namespace }: { namespace: string }, own: string): boolean {
  return namespace !== own && namespace !== rootNamespace
}

/**
 * Rejects a parent that was deleted and created again since it was extended: who has the name now is not who was trusted.
 * @throws SeccoError APPROVAL_INVALID
 */
function checkParent(child: SeccompProfile, label: string, parent: SeccompProfile, at: number) {
  const { namespace = rootNamespace, name } = child.metadata
  const [bound] = (child.status?.parents ?? []).filter((one) => one.name === label)
  const isSame = bound === undefined || bound.uid === parent.metadata.uid
  if (isSame || !isBoundParent({ namespace: parent.metadata.namespace ?? '' }, namespace)) return
  const key = `${namespace}/${name}`
  throw new SeccoError(
    'APPROVAL_INVALID',
    `profile ${key} extends ${label}, which was deleted and created again since: ` +
      'look at it, then remove it from spec.extends, and add it again',
    { field: `spec.extends[${at}]` }
  )
}

/** Returns the profiles that a profile names in spec.extends, each once and with the place where it is named first. */
function parentsOf({ metadata, spec }: SeccompProfile): { label: string; at: number }[] {
  const { namespace = rootNamespace } = metadata
  const labels = new Map<string, number>()
  for (const [at, entry] of (spec.extends ?? []).entries()) {
    const ref = extendsRef(entry, namespace)
    const label = `${ref.namespace}/${ref.name}`
    // Objects from before the check on documents may name a profile twice, and NAME is also OWN_NAMESPACE/NAME.
    if (!labels.has(label)) labels.set(label, at)
  }
  return [...labels].map(([label, at]) => ({ label, at }))
}

/** Profiles that one may extend, the parents of its parents included. */
export const mostExtended = 64

/**
 * What people approved for this profile: its own spec and, by union, everything it extends.
 * A name that `resolve` does not have may be a shipped one. Throws EXTENDS_CYCLE, NOT_FOUND (field
 * `spec.extends[n]`), APPROVAL_INVALID where a spec, or a profile that it extends, is not what was approved, and TOO_LARGE.
 */
export function approvedOf(profile: SeccompProfile, resolve: Resolve): Approved {
  const done = new Map<string, Approved>()
  const seen = new Set<string>()
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
    if (seen.add(key).size > mostExtended + 1) throw tooManyParents(path[0] ?? key)
    checkApproval(current)
    const parents = parentsOf(current).map(({ label, at }) => {
      const ref = extendsRef(label, namespace)
      const parent = resolve(ref.namespace, ref.name) ?? builtinProfile(ref.namespace, ref.name)
      if (parent === undefined) {
        throw new SeccoError('NOT_FOUND', `profile ${key} extends ${label}, which does not exist`, {
          field: `spec.extends[${at}]`
        })
      }
      checkParent(current, label, parent, at)
      return { label, approved: visit(parent, [...path, key]) }
    })
    const own = mustBeRenderable(ownApproved(current), key)
    const approved = mustBeRenderable(combine(own, parents), key)
    done.set(key, approved)
    return approved
  }
  return visit(profile, [])
}

function tooManyParents(label: string): SeccoError {
  return new SeccoError(
    'TOO_LARGE',
    `profile ${label} extends more than ${mostExtended} profiles, the parents of its parents included`,
    { field: 'spec.extends', hint: 'extend fewer profiles: put what they allow into one' }
  )
}
