import type { SeccompArg } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import type { Approved, DenyRule, Grant } from './grants.js'
import {
  asAlternatives,
  asList,
  auditAlternatives,
  type Effective,
  effectiveOf
} from './effective.js'
import { type Emergency, hasAnswer, withoutEmergency } from './emergency.js'
import type { RenderOptions } from './render-types.js'
import { loadable } from '../arguments/loadable.js'
import type { Reason } from '../policy/reason.js'
import { runtimeDefault, runtimeDefaultRules } from '../policy/runtime-default.js'
import { existsOn } from '../../syscalls/syscall-table.js'
import { wantedNames } from './wanted-names.js'

/** The floor is the union over machines: a name that a machine lacks cannot be called there. */
export const floor = runtimeDefaultRules()
export const answers = (runtimeDefault().syscalls ?? []).filter(
  (rule) => rule.action === 'SCMP_ACT_ERRNO'
)
const answered = new Set(answers.flatMap((rule) => rule.names))
export interface Allowed extends Effective {
  logged: boolean
  reasons: Reason[]
}

export type Why = Map<string, Reason[]>

/** Returns what the emergency overlay leaves of a name, and the reason for what it removed. */
export function afterEmergency(
  name: string,
  alternatives: readonly SeccompArg[][],
  emergency: Emergency
): { left: SeccompArg[][]; reasons: Reason[] } | undefined {
  if (!emergency.denyRules.has(name)) return { left: [...alternatives], reasons: [] }
  const rest = withoutEmergency(name, asAlternatives(alternatives), emergency)
  const { left, exact } = loadable(rest.left, { beside: true })
  if (left.length === 0) return undefined
  const part =
    rest.exact && exact
      ? 'some arguments'
      : 'some arguments, and others that filters cannot distinguish from them,'
  const reason = emergency.reasonOf(name)
  return { left: asList(left), reasons: [{ ...reason, text: `${part} ${reason.text}` }] }
}

export const leftOut: Reason = {
  kind: 'filter',
  text: 'some approved arguments are denied, because libseccomp would build their filter wrongly'
}
/** Whether there are rules with other actions for a name beside its allow rules. */
function hasOtherRules(
  name: string,
  approved: Approved,
  emergency: Emergency,
  mode: RenderOptions['mode']
): boolean {
  const denyRules = mode === 'enforce' ? (approved.denyRules.get(name) ?? []) : []
  const taken = (emergency.denyRules.get(name) ?? []).filter(hasAnswer)
  const logged = mode === 'audit' ? (floor.get(name) ?? []) : []
  return denyRules.length + taken.length + logged.length > 0
}

/** What is left of a grant: undefined where nothing is; `left` empty where no filter can say it. */
type Left = { effective: Effective; left: SeccompArg[][]; isNothing: boolean; reasons: Reason[] }

function leftOf(
  name: string,
  { grant, denyRules }: { grant: Pick<Grant, 'byName' | 'alternatives'>; denyRules: DenyRule[] },
  emergency: Emergency,
  sides: { beside: boolean; in32Bits: boolean }
): Left | undefined {
  const effective = effectiveOf(name, grant, denyRules, floor, answered)
  if (effective === undefined) return undefined
  const rest = afterEmergency(name, effective.alternatives, emergency)
  if (rest === undefined) return undefined
  const { left, exact } = loadable(asAlternatives(rest.left), sides)
  const reasons = [...rest.reasons, ...(exact ? [] : [leftOut])]
  return { effective, left: asList(left), isNothing: left.length === 0, reasons }
}

/** What leftOf() returned for names that are allowed as they are: the same in most profiles. One map for each of `sides`. */
const plain = Array.from({ length: 4 }, () => new Map<string, Left | null>())

function plainLeftOf(
  name: string,
  emergency: Emergency,
  sides: { beside: boolean; in32Bits: boolean }
): Left | undefined {
  const known = plain[(sides.beside ? 2 : 0) + (sides.in32Bits ? 1 : 0)]
  let left = known?.get(name)
  if (left === undefined) {
    const grant = { byName: true, alternatives: [] }
    left = leftOf(name, { grant, denyRules: [] }, emergency, sides) ?? null
    known?.set(name, left)
  }
  return left ?? undefined
}

/** What is wanted − deny rules − emergency denies, within RuntimeDefault, as far as filters can say it. */
export function allowedNames(
  approved: Approved,
  emergency: Emergency,
  options: RenderOptions & { listed: readonly Abi[] },
  why: Why
): Map<string, Allowed> {
  // Nodes of several machines share a revision, and a runtime adds the native ABI of each.
  const natives: Abi[] = options.machine === undefined ? ['x86_64', 'aarch64'] : []
  const reached = [...options.listed, ...natives]
  const in32Bits = options.listed.some((abi) => abi === 'i386' || abi === 'x32')
  const allowed = new Map<string, Allowed>()
  for (const [name, { grant, logged, reasons }] of wantedNames(approved, options.runtimes ?? [])) {
    if (!existsOn(reached, name)) continue
    const denyRules = approved.denyRules.get(name) ?? []
    const isPlain = grant.byName && grant.alternatives.length + denyRules.length === 0
    const sides = { beside: hasOtherRules(name, approved, emergency, options.mode), in32Bits }
    const found =
      isPlain && !emergency.denyRules.has(name)
        ? plainLeftOf(name, emergency, sides)
        : leftOf(name, { grant, denyRules }, emergency, sides)
    if (found === undefined) continue
    const { effective, left, isNothing } = found
    if (effective.beyond) reasons.push({ kind: 'person', text: 'beyond RuntimeDefault' })
    if (grant.byName && (floor.get(name) ?? []).length > 0) {
      reasons.push({ kind: 'runtime-default', text: "only with RuntimeDefault's arguments" })
    }
    reasons.push(...found.reasons)
    why.set(name, reasons)
    if (!isNothing) allowed.set(name, { ...effective, alternatives: left, logged, reasons })
  }
  return allowed
}

type Parts = ReturnType<typeof auditAlternatives>

/** What auditParts() returned without an emergency. The lists of plainLeftOf() come again and again. */
const knownParts = new WeakMap<readonly SeccompArg[][], Parts>()

/** Returns what audit allows of a name, silently and logged. */
export function auditParts(
  name: string,
  alternatives: SeccompArg[][],
  emergency: Emergency
): Parts {
  const isTouched = emergency.denyRules.has(name)
  const known = isTouched ? undefined : knownParts.get(alternatives)
  if (known !== undefined) return known
  const limits = floor.get(name)
  const within = limits === undefined ? undefined : afterEmergency(name, [...limits], emergency)
  const parts = auditAlternatives(
    asAlternatives(alternatives),
    within === undefined ? [] : asAlternatives(within.left)
  )
  if (!isTouched) knownParts.set(alternatives, parts)
  return parts
}
