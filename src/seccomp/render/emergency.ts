import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'
import { asRuntimesJoin } from '../../api/misleading-rules.js'
import { rootNamespace } from '../../api/names.js'
import type {
  LinuxSeccomp,
  SeccompAction,
  SeccompArg,
  SeccompProfile
} from '../../api/seccomp-profile.js'
import type { Resolve } from './approved.js'
import type { DenyRule } from './grants.js'
import { type Alternatives, subtractConditions } from '../arguments/argument-algebra.js'
import { normalConditions } from '../arguments/argument-rules.js'
import { emergencyTemplates } from '../data/emergency-templates.js'
import { multiplexed } from '../filter/multiplexers.js'
import { decidingCalls, wholeMask } from '../arguments/deciding-calls.js'
import { rulesOf } from '../policy/normal-form.js'
import type { Reason } from '../policy/reason.js'
import { equivalentsOf } from './equivalents.js'

/**
 * The profile of this name in the root namespace is the emergency overlay: what its spec.seccomp
 * denies is removed from every rendering, whatever anybody approved. It is not the profile of a workload.
 */
export const emergencyName = 'emergency'
export const emergencyLabel = `${rootNamespace}/${emergencyName}`

export function isEmergency(profile: SeccompProfile): boolean {
  const { namespace = rootNamespace, name } = profile.metadata
  return namespace === rootNamespace && name === emergencyName
}

/** Deny rules that apply now. */
export interface Emergency {
  denyRules: ReadonlyMap<string, readonly DenyRule[]>
  /** Returns who blocked a name (or some of its arguments), when and why. */
  reasonOf: (name: string) => Reason
}

/**
 * Calls that do the same behind a pointer or a multiplexer, which no condition can see. They are answered
 * explicitly: libseccomp opens socketcall(2) and ipc(2) by itself for every call behind them.
 */
const doublesOf = (name: string): string[] => [
  ...(name === 'clone' ? ['clone3'] : []),
  ...Object.keys(multiplexed).filter((each) => multiplexed[each]?.has(name))
]

const enosys = 38

/**
 * A denied value of an int argument is denied with any upper 32 bits: the kernel
 * drops them, the filter compares all 64.
 */
function asKernelSees(name: string, args: readonly SeccompArg[]): SeccompArg[] {
  return normalConditions(args).map((arg) => {
    const known = decidingCalls.get(name)?.arguments.find(({ index }) => index === arg.index)
    if (known === undefined || arg.op !== 'SCMP_CMP_EQ' || arg.value > wholeMask) return arg
    const { mask } = known
    return {
      index: arg.index,
      op: 'SCMP_CMP_MASKED_EQ',
      value: mask,
      valueTwo: Number(BigInt(arg.value) & BigInt(mask))
    }
  })
}

/** Returns the newest decision to block a name; approvals of an overlay have the reason `blocked WHAT: …` (block.ts). */
export function decisionAbout(profile: SeccompProfile | undefined, name: string) {
  const speaks = (reason: string | undefined) => {
    const [, what = '', plus] = /^blocked ([\w-]+)([+])?/.exec(reason ?? '') ?? []
    const template = emergencyTemplates.find((each) => each.name === what)
    const own = plus === undefined ? [what] : [what, ...equivalentsOf(what)]
    const names = template?.rules.flatMap((rule) => rule.names) ?? own
    return names.some((each) => each === name || doublesOf(each).includes(name))
  }
  return profile?.status?.approvals?.findLast(({ reason }) => speaks(reason))
}

function reasonFor(profile: SeccompProfile | undefined, name: string): Reason {
  const decision = decisionAbout(profile, name)
  const text = `removed by ${emergencyLabel}`
  if (decision === undefined) return { kind: 'emergency', text }
  const { by, at, reason = '' } = decision
  return { kind: 'emergency', text: `${text}: ${reason}`, by, at }
}

/** Returns what rules deny of each name, as the kernel reads the arguments, and of the calls that do the same. */
function denyRulesOf(seccomp: LinuxSeccomp): Map<string, DenyRule[]> {
  const denyRules = new Map<string, DenyRule[]>()
  const add = (name: string, denyRule: DenyRule) => {
    const list = denyRules.get(name) ?? []
    denyRules.set(name, denyRule.args.length === 0 ? [denyRule] : [...list, denyRule])
  }
  // An overlay must not fail: rules that no document may have are denied as widely as they could be meant.
  for (const { name, action, errnoRet, args = [] } of rulesOf(asRuntimesJoin(seccomp))) {
    if (action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG') continue
    if (denyRules.get(name)?.some((denyRule) => denyRule.args.length === 0) === true) continue
    const denyRule = { action, ...(errnoRet === undefined || errnoRet === 0 ? {} : { errnoRet }) }
    add(name, { ...denyRule, args: asKernelSees(name, args) })
    const answer = hasAnswer(denyRule) ? denyRule : { action, errnoRet: enosys }
    for (const other of doublesOf(name)) add(other, { ...answer, args: [] })
  }
  return denyRules
}

/** Returns the deny rules of a profile that serves as emergency overlay. Allow rules have no effect here. */
export function emergencyOf(profile: SeccompProfile | undefined): Emergency {
  const { seccomp } = profile?.spec ?? {}
  const denyRules = seccomp === undefined ? new Map<string, DenyRule[]>() : denyRulesOf(seccomp)
  return { denyRules, reasonOf: (name) => reasonFor(profile, name) }
}

/** BlockedCall is a set of calls: a name, and conditions that all hold; without conditions it has any arguments. */
export interface BlockedCall {
  name: string
  args?: readonly SeccompArg[] | undefined
  /** Absent: it is denied. */
  action?: SeccompAction
}

/** Returns every call that these blocks deny, also in place of what is blocked: `clone3` for `clone`. */
export function callsDeniedBy(blocks: readonly BlockedCall[]): BlockedCall[] {
  const syscalls = blocks.map(({ name, args = [], action = 'SCMP_ACT_ERRNO' }) => {
    return { names: [name], action, ...(args.length === 0 ? {} : { args: [...args] }) }
  })
  // A default that no block repeats: here the rules count.
  const denied = denyRulesOf({ defaultAction: 'SCMP_ACT_KILL_PROCESS', syscalls })
  return [...denied].flatMap(([name, rules]) => rules.map(({ args }) => ({ name, args })))
}

/**
 * Returns the digest of what an overlay blocks; empty when it blocks nothing. Replicas with equal digests know of the same
 * blocks, also in different versions of Secco.
 */
export function blockDigest(overlay: SeccompProfile | undefined): string {
  if (emergencyOf(overlay).denyRules.size === 0) return ''
  return digestOf(canonicalJson(overlay?.spec.seccomp?.syscalls ?? []))
}

/** Returns whether a profile that serves as emergency overlay denies a syscall with any arguments. */
export function isBlocked(name: string, overlay: SeccompProfile | undefined): boolean {
  const rules = emergencyOf(overlay).denyRules.get(name) ?? []
  return rules.some(({ args }) => args.length === 0)
}

/** The overlay that is in force where `resolve` looks. */
export function resolveEmergency(resolve: Resolve): Emergency {
  return emergencyOf(resolve(rootNamespace, emergencyName))
}

/**
 * Returns what the emergency leaves of `from` (alternatives; `[[]]` is everything). Calls that conditions cannot
 * distinguish are removed too: `exact` is false then.
 */
export function withoutEmergency(
  name: string,
  from: Alternatives,
  emergency: Emergency
): { left: Alternatives; exact: boolean } {
  let left = from
  let exact = true
  for (const { args } of emergency.denyRules.get(name) ?? []) {
    if (args.length === 0) return { left: [], exact }
    const next = subtractConditions(left, args)
    left = next.left
    exact &&= next.exact
  }
  return { left, exact }
}

/** Whether a deny rule has an action or errno of its own, other than that of rendering. */
export function hasAnswer({ action, errnoRet }: Pick<DenyRule, 'action' | 'errnoRet'>): boolean {
  return action !== 'SCMP_ACT_ERRNO' || errnoRet !== undefined
}
