import type { RevisionOrigin } from '../../../src/api/gen/hub.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { recordedApprovals } from '../../../src/seccomp/policy/approval.js'
import { rootNamespace } from '../../../src/api/names.js'
import { isAllowAction } from '../../../src/seccomp/filter/filter-answers.js'
import { approvedOf, extendsRef, type Resolve } from '../../../src/seccomp/render/approved.js'
import {
  namesBeyond,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../src/seccomp/filter/pass-set.js'
import type { PassSets } from './pass-sets.js'

/** Characters of the reasons of all approvers. */
const mostReason = 4096

/**
 * Returns the syscalls that people allow in a profile and in what it extends, and that RuntimeDefault denies; undefined
 * for a profile that cannot be rendered.
 */
function beyondOf(profile: SeccompProfile, resolve: Resolve): string[] | undefined {
  try {
    const grants = [...approvedOf(profile, resolve).grants]
    const beyondIn = (syscalls: NonNullable<LinuxSeccomp['syscalls']>): string[] =>
      namesBeyond(passSetOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls }), runtimeDefaultPassSet)
    const action = 'SCMP_ACT_ALLOW' as const
    const plain = grants.filter(([, { byName }]) => byName).map(([name]) => name)
    const conditional = grants.flatMap(([name, { alternatives }]) =>
      alternatives.map((args) => ({ names: [name], action, args }))
    )
    // A syscall allowed by name keeps RuntimeDefault's own conditions, if there are any.
    const byName = beyondIn([{ names: plain, action }]).filter(
      (name) => !runtimeDefaultPassSet.names.has(name)
    )
    return [...new Set([...byName, ...beyondIn(conditional)])].sort()
  } catch {
    return undefined
  }
}

/** Returns a profile and all that it extends, each once. A shipped profile is part of the approval of who extends it. */
function withParents(profile: SeccompProfile, resolve: Resolve): SeccompProfile[] {
  const found = new Set([profile])
  for (const { metadata, spec } of found) {
    for (const entry of spec.extends ?? []) {
      const ref = extendsRef(entry, metadata.namespace ?? rootNamespace)
      const parent = resolve(ref.namespace, ref.name)
      if (parent !== undefined) found.add(parent)
    }
  }
  return [...found]
}

/** Returns whether a profile's own rules allow a syscall: with any arguments, with some, or not at all. */
function allowanceOf({ spec }: SeccompProfile, name: string): 'any' | 'some' | 'none' {
  const rules = (spec.seccomp?.syscalls ?? []).filter(
    ({ names, action }) => names.includes(name) && isAllowAction(action)
  )
  if (rules.length === 0) return 'none'
  return rules.some(({ args = [] }) => args.length === 0) ? 'any' : 'some'
}

type Who = Pick<RevisionOrigin, 'approvedBy' | 'approvedAt' | 'reason'>
const nobody: Who = { approvedBy: '', approvedAt: '', reason: '' }

/**
 * Returns who approved these syscalls: the approver of the profile, and of each parent that allows what the profile itself
 * does not. Nobody where one of them has no approval.
 */
function approverOf(
  profile: SeccompProfile,
  names: readonly string[],
  { resolve, editedAt }: { resolve: Resolve; editedAt: string | undefined }
): Who {
  const [own, ...parents] = withParents(profile, resolve)
  const byParents = names.filter((name) => allowanceOf(profile, name) !== 'any')
  const granting = parents.filter((parent) =>
    byParents.some((name) => allowanceOf(parent, name) !== 'none')
  )
  const isOwn = granting.length === 0 || names.some((name) => allowanceOf(profile, name) !== 'none')
  const approvers: Who[] = []
  for (const one of [...(isOwn && own !== undefined ? [own] : []), ...granting]) {
    const last = recordedApprovals(one, editedAt)?.at(-1)
    if (last === undefined) return nobody
    const { namespace = '', name } = one.metadata
    const where = one === profile ? '' : `${namespace}/${name}: `
    const reason = `${where}${last.reason ?? ''}`
    approvers.push({ approvedBy: last.by, approvedAt: last.at, reason })
  }
  return {
    approvedBy: [...new Set(approvers.map(({ approvedBy }) => approvedBy))].join(', '),
    approvedAt:
      approvers
        .map(({ approvedAt }) => approvedAt)
        .sort()
        .at(-1) ?? '',
    reason: approvers
      .map(({ reason }) => reason)
      .join('; ')
      .slice(0, mostReason)
  }
}

interface InUse {
  /** Whether the pass sets have the revision, and the newest renderings. */
  known: boolean[]
  /** Returns the syscalls that the revision allows and RuntimeDefault denies. */
  beyond: () => string[]
}

/**
 * Compares a revision with the newest renderings, which are of what was approved last, also while the profile cannot be
 * rendered. What no one of these allows does not count as approved.
 */
export function inUseOf(
  { status }: SeccompProfile,
  digest: string,
  passSets: Pick<PassSets, 'has' | 'beyondDefault'>
): InUse {
  const { revision, auditRevision } = status ?? {}
  const newest = [revision, auditRevision].filter((one) => one !== undefined)
  return {
    known: [digest, ...newest].map((one) => passSets.has(one)),
    beyond() {
      const approved = new Set(newest.flatMap((one) => passSets.beyondDefault(one)))
      return passSets.beyondDefault(digest).filter((name) => approved.has(name))
    }
  }
}

/**
 * Returns what nodes get to know of the origin of a profile's revisions. Pure: what one node gets to know is what every
 * other one does.
 * @param beyondInUse returns what the revision allows that RuntimeDefault denies, see inUseOf(). It counts for a
 * profile that cannot be rendered as it stands: the revision in use is of content that was approved before, or less.
 * @param editedAt the parameter of `recordedApprovals`: a revision may be sent before its approval is in the status
 */
export function originOf(
  profile: SeccompProfile,
  resolve: Resolve,
  { editedAt, beyondInUse }: { editedAt: string | undefined; beyondInUse: () => string[] }
): RevisionOrigin {
  const { generation = 0, creationTimestamp = '' } = profile.metadata
  const beyond = beyondOf(profile, resolve) ?? beyondInUse()
  const who = beyond.length === 0 ? nobody : approverOf(profile, beyond, { resolve, editedAt })
  return { generation, createdAt: creationTimestamp, beyond, ...who }
}

/** Origins of one profile that are remembered. */
const mostOrigins = 16

/** RememberedOrigins keeps the origins of each profile's revisions, by all that they depend on besides the profile. */
export class RememberedOrigins {
  readonly #origins = new WeakMap<SeccompProfile, Map<string, RevisionOrigin>>()

  of(profile: SeccompProfile, inputs: string, compute: () => RevisionOrigin): RevisionOrigin {
    const own = this.#origins.get(profile) ?? new Map<string, RevisionOrigin>()
    const origin = own.get(inputs) ?? compute()
    if (own.size >= mostOrigins) own.clear()
    this.#origins.set(profile, own.set(inputs, origin))
    return origin
  }
}
