import type { LearnedArgument } from '../../api/evidence-schema.js'
import type {
  LinuxSeccomp,
  SeccompArg,
  SeccompProfile,
  SeccompSyscall
} from '../../api/seccomp-profile.js'
import { abis } from '../../syscalls/abi.js'
import { mostAlternatives, withoutCovered } from '../arguments/argument-algebra.js'
import { conditionsWithin, normalConditions } from '../arguments/argument-rules.js'
import { type DecidingArgument, decidingCalls, wholeMask } from '../arguments/deciding-calls.js'
import { runtimeDefaultRules } from '../policy/runtime-default.js'

/** More distinct values of one argument than this decide nothing that a person would read. */
const mostValues = 16

/** Result of an approval for the learned arguments of one syscall. */
interface ArgumentPlan {
  name: string
  /** Conditions, any of which must hold; empty when the call cannot be filtered. */
  alternatives: SeccompArg[][]
  /** Learned, yet RuntimeDefault denies it: left out. */
  denied: string[]
  /** Arguments that could not be filtered, and why. */
  notes: string[]
}

const floor = runtimeDefaultRules()

/** Calls that `--arguments default` and a policy mean. */
export const defaultCalls: readonly string[] = [...decidingCalls]
  .filter(([, call]) => call.byDefault)
  .map(([name]) => name)
  .sort()

function conditionOf(
  { index, mask }: DecidingArgument,
  value: number,
  limited: boolean
): SeccompArg {
  // Some libcs sign-extend (musl's ioctl): then the upper half says nothing. RuntimeDefault's own
  // conditions compare all 64 bits, and nothing may be wider than they are.
  if (mask === wholeMask && (value < 0x80000000 || limited)) {
    return { index, op: 'SCMP_CMP_EQ', value }
  }
  // Not `value & mask`: JavaScript would make it a signed number.
  const masked = Number(BigInt(value) & BigInt(mask))
  return { index, op: 'SCMP_CMP_MASKED_EQ', value: mask, valueTwo: masked }
}

/** The conditions on one argument for what was learned, or why there are none. */
function conditionsFor(
  argument: DecidingArgument,
  learned: readonly LearnedArgument[],
  limited: boolean
): SeccompArg[] | string {
  const mine = learned.filter(({ index }) => index === argument.index)
  if (mine.length === 0) return 'no values were learned'
  if (mine.some(({ many }) => many === true)) return 'more distinct values than are kept'
  const values = [...new Set(mine.flatMap((each) => each.values))].map(Number)
  if (values.some((value) => !Number.isSafeInteger(value))) return 'values too large for a profile'
  const sorted = values.sort((a, b) => a - b)
  const conditions = sorted.map((value) => conditionOf(argument, value, limited))
  const distinct = conditions.filter(
    (one, at) =>
      conditions.findIndex(
        (other) => other.valueTwo === one.valueTwo && other.value === one.value
      ) === at
  )
  return distinct.length > mostValues ? `${distinct.length} distinct values` : distinct
}

/**
 * Learned arguments of one call as conditions: each argument's values, the most deciding argument
 * first, as long as their combinations stay few. Values are known argument by argument, so every
 * combination of them is allowed. What RuntimeDefault denies is left out.
 */
export function planArguments(profile: SeccompProfile, name: string): ArgumentPlan {
  const call = decidingCalls.get(name)
  const plan: ArgumentPlan = { name, alternatives: [], denied: [], notes: [] }
  if (call === undefined) {
    plan.notes.push('has no argument that a condition can check')
    return plan
  }
  const learned = (profile.status?.arguments ?? []).filter((each) => each.name === name)
  const limits = floor.get(name)
  let lists: SeccompArg[][] = [[]]
  for (const argument of call.arguments) {
    const conditions = conditionsFor(argument, learned, (limits ?? []).length > 0)
    if (typeof conditions === 'string') {
      plan.notes.push(`argument ${argument.name}: ${conditions}`)
    } else if (lists.length * conditions.length > mostAlternatives / 2) {
      plan.notes.push(`argument ${argument.name}: too many combinations`)
    } else {
      lists = lists.flatMap((list) => conditions.map((condition) => [...list, condition]))
    }
  }
  for (const args of lists) {
    if (args.length === 0) continue
    const within = limits === undefined || limits.length === 0 || conditionsWithin(args, limits)
    if (within) plan.alternatives.push(args)
    else plan.denied.push(args.map(({ valueTwo, value }) => String(valueTwo ?? value)).join('/'))
  }
  return plan
}

/** The calls whose arguments a profile filters: those that it lists, and those that an approval names. */
export function filteredCallsOf(profile: SeccompProfile, asked: readonly string[]): string[] {
  const names = [...(profile.spec.learn?.arguments ?? []), ...asked]
  const meant = names.flatMap((name) => (name === 'default' ? defaultCalls : [name]))
  return [...new Set(meant)].sort()
}

function withoutName(rules: readonly SeccompSyscall[], name: string): SeccompSyscall[] {
  const isPlain = (rule: SeccompSyscall) =>
    rule.action === 'SCMP_ACT_ALLOW' && (rule.args ?? []).length === 0
  return rules
    .map((rule) =>
      isPlain(rule) ? { ...rule, names: rule.names.filter((each) => each !== name) } : rule
    )
    .filter((rule) => rule.names.length > 0)
}

/** Conditions with which a profile allows a name already. */
function approvedAlternatives(seccomp: LinuxSeccomp, name: string): SeccompArg[][] {
  return (seccomp.syscalls ?? [])
    .filter(
      (rule) =>
        rule.action === 'SCMP_ACT_ALLOW' &&
        rule.names.includes(name) &&
        (rule.args ?? []).length > 0
    )
    .map((rule) => rule.args ?? [])
}

/**
 * spec.seccomp with the learned arguments of the given calls as conditions in place of their bare
 * names. Conditions that are there already stay; new values come as new rules, so that a person can
 * read and edit them. Calls without usable values keep what they have. The same object when nothing
 * changes.
 */
export function withArguments(
  seccomp: LinuxSeccomp,
  profile: SeccompProfile,
  calls: readonly string[]
): { seccomp: LinuxSeccomp; plans: ArgumentPlan[] } {
  const observed = new Set(abis.flatMap((abi) => profile.status?.observed?.[abi] ?? []))
  const plans = calls
    .filter((name) => observed.has(name))
    .map((name) => planArguments(profile, name))
  let changed = seccomp
  for (const { name, alternatives } of plans) {
    if (alternatives.length === 0) continue
    const before = approvedAlternatives(changed, name)
    const fresh = withoutCovered([...before, ...alternatives]).filter(
      (args) => !before.some((other) => conditionsWithin(args, [other]))
    )
    const rules = withoutName(changed.syscalls ?? [], name)
    const had = JSON.stringify(rules) !== JSON.stringify(changed.syscalls ?? [])
    if (fresh.length === 0 && !had) continue
    const added = fresh.map(
      (args): SeccompSyscall => ({
        names: [name],
        action: 'SCMP_ACT_ALLOW',
        args: normalConditions(args)
      })
    )
    changed = { ...changed, syscalls: [...rules, ...added] }
  }
  return { seccomp: changed, plans }
}
