import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { type Conditions, conditionHolds } from '../../src/seccomp/arguments/argument-rules.js'
import { type NormalRule, rulesOf } from '../../src/seccomp/policy/normal-form.js'

export const modes = ['audit', 'enforce'] as const

export function profileOf(
  spec: SeccompProfile['spec'],
  status?: SeccompProfile['status'],
  name = 'app'
): SeccompProfile {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name, namespace: 'shop' },
    spec,
    ...(status === undefined ? {} : { status })
  }
}

export const holds = (args: Conditions, call: readonly bigint[]) =>
  args.every((arg) => conditionHolds(arg, call[arg.index] ?? 0n))

const ruleIndexes = new WeakMap<LinuxSeccomp, Map<string, NormalRule[]>>()

function rulesFor(seccomp: LinuxSeccomp, name: string): NormalRule[] {
  const known = ruleIndexes.get(seccomp)
  if (known !== undefined) return known.get(name) ?? []
  const index = new Map<string, NormalRule[]>()
  for (const rule of rulesOf(seccomp)) index.set(rule.name, [...(index.get(rule.name) ?? []), rule])
  ruleIndexes.set(seccomp, index)
  return index.get(name) ?? []
}

/** Does a filter let a call through? Alternatives of one name are joined by OR. */
export function passes(seccomp: LinuxSeccomp, name: string, call: readonly bigint[]): boolean {
  const hit = rulesFor(seccomp, name).filter((rule) => holds(rule.args ?? [], call))
  return hit.some(({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG')
}
