import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { conditionHolds } from '../../src/seccomp/arguments/argument-rules.js'
import { rulesOf } from '../../src/seccomp/policy/normal-form.js'

export const nothing = () => undefined

export const enforce = { mode: 'enforce', resolve: nothing } as const

export function profileOf(
  spec: SeccompProfile['spec'],
  name = 'app',
  namespace = 'shop'
): SeccompProfile {
  const metadata = { name, namespace }
  return { apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata, spec }
}

export function allowing(names: string[], more: LinuxSeccomp['syscalls'] = []): SeccompProfile {
  const syscalls = [
    ...(names.length > 0 ? [{ names, action: 'SCMP_ACT_ALLOW' as const }] : []),
    ...more
  ]
  return profileOf({ seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } })
}

/** What a filter answers: alternatives of one name are joined by OR, as libseccomp does. */
export function answer(seccomp: LinuxSeccomp, name: string, args: readonly bigint[]): string {
  const hit = rulesOf(seccomp).filter(
    (rule) =>
      rule.name === name &&
      (rule.args ?? []).every((arg) => conditionHolds(arg, args[arg.index] ?? 0n))
  )
  const actions = new Set(
    hit.map(({ action, errnoRet }) => (errnoRet === undefined ? action : `${action}/${errnoRet}`))
  )
  if (actions.has('SCMP_ACT_ALLOW')) return 'SCMP_ACT_ALLOW'
  return [...actions][0] ?? `${seccomp.defaultAction}/${seccomp.defaultErrnoRet ?? 1}`
}

export function codeOf(run: () => unknown): {
  code: string
  field: string | undefined
  message: string
} {
  try {
    run()
  } catch (error) {
    if (error instanceof SeccoError) return error
    throw error
  }
  return { code: 'none', field: undefined, message: '' }
}
