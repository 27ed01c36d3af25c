import type { Abi } from '../../syscalls/abi.js'
import { canonicalJson } from '../../lib/canonical.js'
import { isAllowAction } from './filter-answers.js'
import type { NormalRule } from '../policy/normal-form.js'

/**
 * Conditions that fit into the 4,096 instructions that the kernel takes (BPF_MAXINSNS), beside every name
 * and answer: a condition has five of them where registers have 64 bits, and two or three in each of i386 and
 * x32. test/src/seccomp/filter/filter-size.test.ts builds the costliest forms with libseccomp.
 */
export const mostConditions = { native: 500, all: 220 } as const

/**
 * Rules whose filter the kernel takes. Where conditions are too many, those of the name with the most go
 * first, one rule after the other: deny rules, then allow rules. The result is never wider.
 */
export function withinSize(
  rules: readonly NormalRule[],
  listed: readonly Abi[]
): { kept: NormalRule[]; cut: Set<string> } {
  const most = listed.length > 1 ? mostConditions.all : mostConditions.native
  const cut = new Set<string>()
  const conditional = new Map<string, NormalRule[]>()
  let total = 0
  for (const rule of rules) {
    const count = rule.args?.length ?? 0
    if (count === 0) continue
    total += count
    conditional.set(rule.name, [...(conditional.get(rule.name) ?? []), rule])
  }
  if (total <= most) return { kept: [...rules], cut }
  const key = (rule: NormalRule) =>
    `${isAllowAction(rule.action) ? 0 : 1} ${canonicalJson(rule.args ?? [])}`
  for (const list of conditional.values()) list.sort((a, b) => (key(a) < key(b) ? -1 : 1))
  const gone = new Set<NormalRule>()
  while (total > most) {
    const [largest] = [...conditional.values()].sort(
      (a, b) => b.length - a.length || ((a[0]?.name ?? '') < (b[0]?.name ?? '') ? -1 : 1)
    )
    const rule = largest?.pop()
    if (rule === undefined) break
    gone.add(rule)
    cut.add(rule.name)
    total -= rule.args?.length ?? 0
  }
  return { kept: rules.filter((rule) => !gone.has(rule)), cut }
}
