import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { normalConditions } from '../arguments/argument-rules.js'
import { planApproval } from './approve.js'
import { canonicalJson } from '../../lib/canonical.js'
import { rulesOf } from '../policy/normal-form.js'
import { abis } from '../../syscalls/abi.js'

export interface SeccompDiff {
  /** Names with a rule in `b` only. */
  added: string[]
  /** Names with a rule in `a` only. */
  removed: string[]
  /** Names whose rules differ, in words. */
  changed: { name: string; from: string; to: string }[]
  defaultChanged?: { from: string; to: string }
  architectures: { added: string[]; removed: string[] }
}

/** `SCMP_ACT_ERRNO(38)`. */
export function actionText(action: string, errnoRet: number | undefined): string {
  return errnoRet === undefined ? action : `${action}(${errnoRet})`
}

/** Each name that has rules, with what they say. */
export function ruleTexts(seccomp: LinuxSeccomp): Map<string, string> {
  const byName = new Map<string, string[]>()
  for (const { name, action, errnoRet, args } of rulesOf(seccomp)) {
    const conditions = normalConditions(args ?? []).map(
      ({ index, op, value, valueTwo }) =>
        `arg${index} ${op.replace('SCMP_CMP_', '')} ${value}${valueTwo === undefined ? '' : ` = ${valueTwo}`}`
    )
    const text = actionText(action, errnoRet)
    const rule = conditions.length === 0 ? text : `${text} if ${conditions.join(' and ')}`
    byName.set(name, [...(byName.get(name) ?? []), rule])
  }
  return new Map([...byName].map(([name, rules]) => [name, [...new Set(rules)].sort().join('; ')]))
}

const missing = (from: Iterable<string>, other: { has(name: string): boolean }) =>
  [...from].filter((name) => !other.has(name)).sort()

/** Returns the changes from `a` to `b`. Order and grouping of rules do not matter. Lists are sorted. */
export function diffSeccomp(a: LinuxSeccomp, b: LinuxSeccomp): SeccompDiff {
  const [before, after] = [ruleTexts(a), ruleTexts(b)]
  const changed = [...before]
    .flatMap(([name, from]) => {
      const to = after.get(name)
      return to === undefined || to === from ? [] : [{ name, from, to }]
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
  const from = actionText(a.defaultAction, a.defaultErrnoRet)
  const to = actionText(b.defaultAction, b.defaultErrnoRet)
  const [archBefore, archAfter] = [
    new Set<string>(a.architectures),
    new Set<string>(b.architectures)
  ]
  return {
    added: missing(after.keys(), before),
    removed: missing(before.keys(), after),
    changed,
    ...(from === to ? {} : { defaultChanged: { from, to } }),
    architectures: {
      added: missing(archAfter, archBefore),
      removed: missing(archBefore, archAfter)
    }
  }
}

/** True when nothing differs. */
export function isEmptyDiff(diff: SeccompDiff): boolean {
  return canonicalJson(diff) === canonicalJson(diffSeccomp(emptySeccomp, emptySeccomp))
}
const emptySeccomp: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ERRNO' }

export interface ObservedDiff {
  /** Observed, not in spec.seccomp: what approval would add. */
  toApprove: string[]
  /** Names of `toApprove` that RuntimeDefault denies. */
  beyondRuntimeDefault: string[]
  /** Observed, but never approved by name, e.g. `syscall_500`. */
  cannotApprove: string[]
  /** Approved by spec.seccomp, but never observed: also what the start or a family needs. RiskReport leaves that out. */
  neverObserved: string[]
}

/** Spec against status.observed. All lists sorted. */
export function diffAgainstObserved(profile: SeccompProfile): ObservedDiff {
  const plan = planApproval(profile)
  const observed = new Set(abis.flatMap((abi) => profile.status?.observed?.[abi] ?? []))
  const allowed = new Set(
    (profile.spec.seccomp?.syscalls ?? [])
      .filter((rule) => rule.action === 'SCMP_ACT_ALLOW' || rule.action === 'SCMP_ACT_LOG')
      .flatMap((rule) => rule.names)
  )
  return {
    toApprove: plan.adds,
    beyondRuntimeDefault: plan.beyond,
    cannotApprove: plan.skipped.map(({ name }) => name),
    neverObserved: missing(allowed, observed)
  }
}
