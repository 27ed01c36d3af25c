import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { normalConditions } from '../../src/seccomp/arguments/argument-rules.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { type ImportOptions, importSources } from '../../src/seccomp/import/import.js'
import { rulesOf } from '../../src/seccomp/policy/normal-form.js'

export const group = 'security-profiles-operator.x-k8s.io'

export const source = (text: string, words = 'web.json') => ({ where: words, words, text })

export const importText = (text: string, options: ImportOptions = {}, words?: string) =>
  importSources([source(text, words)], options)

/** The one profile's approved part and what was lost. */
export function seccompOf(text: string, options: ImportOptions = {}) {
  const { imported, losses } = importText(text, options)
  const seccomp = imported[0]?.profile.spec.seccomp
  if (seccomp === undefined || imported.length !== 1) throw new Error('not one profile')
  return { seccomp, lost: losses.map(({ path, what, why }) => `${path}: ${what}: ${why}`) }
}

/** What a profile says, whatever the order and grouping of its rules. */
export function meaning(seccomp: LinuxSeccomp): string {
  const { defaultAction, defaultErrnoRet = 1, architectures } = seccomp
  const rules = rulesOf(seccomp).map((rule) =>
    canonicalJson({ ...rule, args: normalConditions(rule.args ?? []) })
  )
  return JSON.stringify([
    defaultAction,
    defaultAction === 'SCMP_ACT_ERRNO' ? defaultErrnoRet : 0,
    [...(architectures ?? [])].sort(),
    [...new Set(rules)].sort()
  ])
}

export const oci = (
  extra: object = {},
  rules: object[] = [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
) => JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: rules, ...extra })
