import type { LinuxSeccomp, SeccompProfile, SeccompSyscall } from '../../api/seccomp-profile.js'
import { abis, scmpArchOf } from '../../syscalls/abi.js'
import {
  approvedDigest,
  boundApproval,
  isApprovalStale,
  withOwnApproval
} from '../policy/approval.js'
import { filteredCallsOf, withArguments } from './argument-approval.js'
import { runtimeDefault, runtimeDefaultNames } from '../policy/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

interface ApproveOptions {
  /** The approver: a person or a policy. */
  by: string
  /** When, RFC 3339. */
  at: string
  reason?: string
  /** Digest of the revision that the approved profile renders to. */
  digestOf?: (approved: SeccompProfile) => string
  /**
   * Names that RuntimeDefault denies and that were observed all the same (the application called them and
   * coped with the denial, or ran without a filter): a person's approval may include them; a policy
   * should skip them. Default approve.
   */
  beyondRuntimeDefault?: 'approve' | 'skip'
  /** Calls whose learned arguments become conditions, beside those of spec.learn.arguments; `default` is a list. */
  arguments?: readonly string[]
  /**
   * The approval goes into the spec, bound to it by digest, and the status is left to the hub: whoever
   * approves in a cluster may write no status. A spec that carries one gets a new one in any case.
   */
  bind?: boolean
}

interface Skipped {
  name: string
  reason: string
}

export interface ApprovalPlan {
  /** Names that approval adds to spec.seccomp, sorted. */
  adds: string[]
  /** Those of them that RuntimeDefault denies: show them before an approval. */
  beyond: string[]
  /** Observed, yet not approved, and why. */
  skipped: Skipped[]
}

/** clone3 → ENOSYS in RuntimeDefault: never a matter of approval by name. */
const answered = new Set(
  (runtimeDefault().syscalls ?? [])
    .filter((rule) => rule.action === 'SCMP_ACT_ERRNO')
    .flatMap((rule) => rule.names)
)

function observedNames(profile: SeccompProfile): string[] {
  const observed = profile.status?.observed ?? {}
  return [...new Set(abis.flatMap((abi) => observed[abi] ?? []))].sort()
}

/** Computes what approving everything observed would do. Pure. */
export function planApproval(
  profile: SeccompProfile,
  options: Pick<ApproveOptions, 'beyondRuntimeDefault'> = {}
): ApprovalPlan {
  const floor = runtimeDefaultNames()
  const stated = new Set((profile.spec.seccomp?.syscalls ?? []).flatMap((rule) => rule.names))
  const plan: ApprovalPlan = { adds: [], beyond: [], skipped: [] }
  for (const name of observedNames(profile)) {
    const beyond = !floor.has(name) && !answered.has(name)
    if (!isKnownSyscall(name)) {
      plan.skipped.push({ name, reason: 'is in no syscall table' })
    } else if (beyond && options.beyondRuntimeDefault === 'skip' && !stated.has(name)) {
      plan.skipped.push({ name, reason: 'RuntimeDefault denies it' })
    } else if (!stated.has(name)) {
      plan.adds.push(name)
      if (beyond) plan.beyond.push(name)
    }
  }
  return plan
}

function withNames(rules: readonly SeccompSyscall[], adds: readonly string[]): SeccompSyscall[] {
  if (adds.length === 0) return [...rules]
  const isPlain = (rule: SeccompSyscall) =>
    rule.action === 'SCMP_ACT_ALLOW' && (rule.args ?? []).length === 0
  const at = rules.findIndex(isPlain)
  const plain = rules[at]
  const names = [...new Set([...(plain?.names ?? []), ...adds])].sort()
  if (plain === undefined) return [...rules, { names, action: 'SCMP_ACT_ALLOW' }]
  return rules.map((rule, index) => (index === at ? { ...rule, names } : rule))
}

/** The next approval filters the same calls: new values come as new conditions. */
function learnOf(
  { spec }: SeccompProfile,
  options: ApproveOptions,
  calls: readonly string[]
): Pick<SeccompProfile['spec'], 'learn'> {
  if ((options.arguments ?? []).length === 0) return {}
  return { learn: { ...spec.learn, arguments: [...calls] } }
}

/** The approved part with everything observed; the same object when it has that already. */
function seccompOf(
  profile: SeccompProfile,
  options: ApproveOptions,
  calls: readonly string[]
): LinuxSeccomp {
  const { adds } = planApproval(profile, options)
  const before = profile.spec.seccomp
  const observed = profile.status?.observed ?? {}
  const seen = abis.filter((abi) => (observed[abi] ?? []).length > 0)
  const listed = new Set([...(before?.architectures ?? []), ...seen.map((abi) => scmpArchOf[abi])])
  const architectures = abis.map((abi) => scmpArchOf[abi]).filter((arch) => listed.has(arch))
  const seccomp: LinuxSeccomp = {
    ...before,
    defaultAction: before?.defaultAction ?? 'SCMP_ACT_ERRNO',
    ...(listed.size === 0 ? {} : { architectures }),
    syscalls: withNames(before?.syscalls ?? [], adds)
  }
  const filtered = withArguments(seccomp, profile, calls).seccomp
  const isSame =
    adds.length === 0 &&
    filtered === seccomp &&
    listed.size === (before?.architectures ?? []).length
  return isSame && before !== undefined ? before : filtered
}

/**
 * Puts everything observed into spec.seccomp as ALLOW rules, names sorted, with the ABIs it was observed in, and
 * appends the approval. Of calls whose arguments are filtered, the learned values become conditions
 * (argument-approval.ts). A person's own rules (other actions, arguments) stay, and win: names they
 * speak of are not added. Names that no table knows are never approved (planApproval says which).
 * An approval of another content is replaced: the spec is approved as it stands.
 * The same object when that changes nothing and the same approver had approved this revision last.
 */
export function approveObserved(profile: SeccompProfile, options: ApproveOptions): SeccompProfile {
  const { by, at, reason } = options
  const decision = { by, at, ...(reason && { reason }) }
  const isStale = isApprovalStale(profile.spec)
  const hasApproval = profile.spec.approval !== undefined
  const calls = filteredCallsOf(profile, options.arguments ?? [])
  const seccomp = seccompOf(profile, options, calls)
  // A profile of parents alone, approved once more: it has no part of its own.
  const isEmpty = profile.spec.seccomp === undefined && (seccomp.syscalls ?? []).length === 0
  const unchanged = seccomp === profile.spec.seccomp || (isStale && isEmpty)
  const bind = options.bind === true
  if (unchanged && bind && hasApproval && !isStale) return profile
  const spec = { ...profile.spec, ...learnOf(profile, options, calls) }
  if (!unchanged) spec.seccomp = seccomp
  if (bind) return { ...profile, spec: { ...spec, approval: boundApproval(spec, decision) } }
  const approved = unchanged && !isStale ? profile : withOwnApproval({ ...profile, spec }, decision)
  const revision = options.digestOf?.(approved) ?? ''
  const approvals = profile.status?.approvals ?? []
  const last = approvals.at(-1)
  if (approved === profile && last?.by === options.by && last.revision === revision) return profile
  const digest = approvedDigest(approved.spec)
  const approval = { by, at, revision, digest, ...(reason === undefined ? {} : { reason }) }
  return { ...approved, status: { ...profile.status, approvals: [...approvals, approval] } }
}
