import type { LinuxSeccomp, SeccompSyscall } from '../../api/seccomp-profile.js'
import type { ImportLoss } from '../import/loss.js'
import { spoGroup } from '../import/spo.js'

interface ExportMeta {
  name: string
  namespace: string
  labels?: Record<string, string>
}

interface SpoExport {
  object: Record<string, unknown>
  losses: ImportLoss[]
}

/** v1beta1 spells errnoRet as text; 0 is as if unset there. */
function spoRule(
  rule: SeccompSyscall,
  path: string,
  losses: ImportLoss[]
): Record<string, unknown> {
  const { errnoRet, ...rest } = rule
  if (errnoRet === 0) {
    losses.push({
      path,
      what: 'errnoRet: 0',
      why: 'the operator treats 0 as unset, and the runtime then answers EPERM',
      fix: 'left out'
    })
  }
  return errnoRet === undefined || errnoRet === 0 ? rest : { ...rest, errnoRet: String(errnoRet) }
}

/** A security-profiles-operator SeccompProfile (v1beta1) that gives the same filter, and what it cannot say. */
export function exportSpo(seccomp: LinuxSeccomp, meta: ExportMeta): SpoExport {
  const losses: ImportLoss[] = []
  const { defaultAction, defaultErrnoRet, architectures, syscalls } = seccomp
  if (defaultAction === 'SCMP_ACT_ERRNO' && (defaultErrnoRet ?? 1) !== 1) {
    losses.push({
      path: 'defaultErrnoRet',
      what: String(defaultErrnoRet),
      why: "the operator's resource has no default errno",
      fix: 'calls that are not named get EPERM there'
    })
  }
  const { name, namespace, labels } = meta
  return {
    object: {
      apiVersion: `${spoGroup}/v1beta1`,
      kind: 'SeccompProfile',
      metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) },
      spec: {
        defaultAction,
        ...(architectures === undefined ? {} : { architectures }),
        syscalls: (syscalls ?? []).map((rule, index) => spoRule(rule, `syscalls[${index}]`, losses))
      }
    },
    losses
  }
}
