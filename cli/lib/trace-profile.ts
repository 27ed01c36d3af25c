import { machine } from 'node:os'
import type { TraceReport } from '../../satellite/trace/trace-report.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { approveObserved, planApproval } from '../../src/seccomp/review/approve.js'
import { keptOfTrace } from '../../src/seccomp/import/trace-denials.js'
import type { Provenance } from '../../src/seccomp/policy/reason.js'
import { renderProfile } from '../../src/seccomp/render/render.js'

interface TraceProfile {
  /** `linux.seccomp` of the OCI runtime-spec. */
  json: string
  /** The reasons for each syscall. */
  reasons: Provenance
  /** Notes for the user of the profile. */
  notes: string[]
}

/**
 * Renders the enforce profile of a trace. Tracing is no approval: syscalls that RuntimeDefault denies are left out
 * although the command used them, unless `allow` names them one by one.
 */
export function traceProfile(
  report: TraceReport,
  at: string,
  allow: readonly string[] = []
): TraceProfile {
  const calls = Object.entries(report.abis).flatMap(([abi, counts]) =>
    Object.keys(counts).map((name) => ({ abi, name }))
  )
  const observed = keptOfTrace(calls, report.denied)
  const traced: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name: 'trace', namespace: 'default' },
    spec: {},
    status: { observed }
  }
  const { beyond } = planApproval(traced)
  const denied = beyond.filter((name) => !allow.includes(name))
  const left = Object.fromEntries(
    Object.entries(observed).map(([abi, names]) => [
      abi,
      names.filter((name) => !denied.includes(name))
    ])
  )
  const approved = approveObserved(
    { ...traced, status: { observed: left } },
    { by: 'secco trace', at }
  )
  const { seccomp, reasons } = renderProfile(approved, {
    mode: 'enforce',
    resolve: () => undefined,
    machine: machine()
  })
  const list = denied.join(',')
  const why = report.incomplete
  const unused = allow.filter((name) => !beyond.includes(name)).join(',')
  return {
    reasons,
    json: `${JSON.stringify(seccomp, undefined, 2)}\n`,
    notes: [
      ...(denied.length === 0
        ? []
        : [
            `warning: left out, because RuntimeDefault denies them although they were used: ${list}`,
            `  next: if it needs them, approve them by tracing again with --allow ${list}`
          ]),
      ...(unused === ''
        ? []
        : [`note: --allow ${unused}: not used beyond RuntimeDefault, not added`]),
      ...(report.complete
        ? []
        : [
            `warning: the trace is not complete${why === undefined ? '' : ` (${why})`}: the profile may lack calls`
          ])
    ]
  }
}
