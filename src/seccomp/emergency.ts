import { rootNamespace } from '../api/names.js'
import type { SeccompArg, SeccompProfile } from '../api/seccomp-profile.js'
import type { Refusal, Resolve } from './approved.js'
import { type Alternatives, subtractConditions } from './argument-algebra.js'
import { normalConditions } from './argument-rules.js'
import { decidingCalls } from './learned-arguments.js'
import { rulesOf } from './normal-form.js'
import type { Reason } from './reason.js'

/**
 * The profile of this name in the root namespace is the emergency overlay: what its spec.seccomp
 * refuses is taken out of every rendering, whatever anybody approved. It is no profile of a workload.
 */
export const emergencyName = 'emergency'
export const emergencyLabel = `${rootNamespace}/${emergencyName}`

export function isEmergency(profile: SeccompProfile): boolean {
  const { namespace = rootNamespace, name } = profile.metadata
  return namespace === rootNamespace && name === emergencyName
}

/** What is taken out now. */
export interface Emergency {
  refusals: ReadonlyMap<string, readonly Refusal[]>
  reason: Reason
}

/** Calls that do the same behind a pointer or a multiplexer, where no condition can tell. */
const doubles: Readonly<Record<string, readonly string[]>> = {
  clone: ['clone3'],
  socket: ['socketcall'],
  socketpair: ['socketcall'],
  setsockopt: ['socketcall'],
  shmget: ['ipc'],
  semget: ['ipc'],
  msgget: ['ipc']
}

/**
 * A refused value of an int argument is refused with whatever stands in the upper 32 bits: the kernel
 * drops them, the filter compares all 64.
 */
function asKernelSees(name: string, args: readonly SeccompArg[]): SeccompArg[] {
  return normalConditions(args).map((arg) => {
    const known = decidingCalls[name]?.arguments.find(({ index }) => index === arg.index)
    if (known?.narrow !== true || arg.op !== 'SCMP_CMP_EQ' || arg.value > 0xffffffff) return arg
    const mask = known.mask ?? 0xffffffff
    return {
      index: arg.index,
      op: 'SCMP_CMP_MASKED_EQ',
      value: mask,
      valueTwo: Number(BigInt(arg.value) & BigInt(mask))
    }
  })
}

const none: Emergency = { refusals: new Map(), reason: { kind: 'emergency', text: '' } }

/** What a profile that serves as emergency overlay takes out. Rules that let through say nothing here. */
export function emergencyOf(profile: SeccompProfile | undefined): Emergency {
  if (profile?.spec.seccomp === undefined) return none
  const refusals = new Map<string, Refusal[]>()
  const add = (name: string, refusal: Refusal) => {
    const list = refusals.get(name) ?? []
    refusals.set(name, refusal.args.length === 0 ? [refusal] : [...list, refusal])
  }
  for (const { name, action, errnoRet, args = [] } of rulesOf(profile.spec.seccomp)) {
    if (action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG') continue
    if (refusals.get(name)?.some((refusal) => refusal.args.length === 0) === true) continue
    const refusal = { action, ...(errnoRet === undefined ? {} : { errnoRet }) }
    add(name, { ...refusal, args: asKernelSees(name, args) })
    for (const other of doubles[name] ?? []) add(other, { ...refusal, args: [] })
  }
  const last = profile.status?.approvals?.at(-1)
  const why = last?.reason === undefined ? '' : `: ${last.reason}`
  const text = `taken out by ${emergencyLabel}${why}`
  return {
    refusals,
    reason: {
      kind: 'emergency',
      text,
      ...(last === undefined ? {} : { by: last.by, at: last.at })
    }
  }
}

/** The overlay that is in force where `resolve` looks. */
export function resolveEmergency(resolve: Resolve): Emergency {
  return emergencyOf(resolve(rootNamespace, emergencyName))
}

/**
 * What of `from` (alternatives; `[[]]` is everything) the emergency leaves. What cannot be told apart
 * by conditions goes with it: `exact` is false then.
 */
export function withoutEmergency(
  name: string,
  from: Alternatives,
  emergency: Emergency
): { left: Alternatives; exact: boolean } {
  let left = from
  let exact = true
  for (const { args } of emergency.refusals.get(name) ?? []) {
    if (args.length === 0) return { left: [], exact }
    const next = subtractConditions(left, args)
    left = next.left
    exact &&= next.exact
  }
  return { left, exact }
}
