import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { type ApprovalDecision, boundApproval } from '../../../src/seccomp/policy/approval.js'

/**
 * Returns the kubectl command that writes what a changed profile allows, approved by a person: only that person can run
 * it, and only until somebody else changes what is allowed.
 * @param before the profile as it is stored
 */
export function patchCommand(
  { metadata, spec }: SeccompProfile,
  before: SeccompProfile,
  decision: ApprovalDecision
): string {
  const { namespace = rootNamespace, name } = metadata
  const path = '/spec/seccomp'
  // The API server rejects the whole patch when what it changes is not as it was.
  const asBefore = before.spec.seccomp && { op: 'test', path, value: before.spec.seccomp }
  const patch = [
    ...(asBefore === undefined ? [] : [asBefore]),
    { op: 'add', path, value: spec.seccomp },
    { op: 'add', path: '/spec/approval', value: boundApproval(spec, decision) }
  ]
  const what = `seccompprofiles.secco.dev ${name} -n ${namespace}`
  return `kubectl patch ${what} --type json -p ${quoted(JSON.stringify(patch))}`
}
