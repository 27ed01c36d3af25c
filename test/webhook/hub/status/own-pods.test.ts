import { test } from 'tap'
import type { SeccompProfile, WorkloadRef } from '../../../../src/api/seccomp-profile.js'
import { withOutcome } from '../../../../webhook/hub/status/profile-status.js'

test('what is observed of Secco’s own pods waits for nobody’s approval', (t) => {
  const own: WorkloadRef = { kind: 'Deployment', name: 'secco-hub', container: 'hub' }
  const table: [string, string, WorkloadRef, string][] = [
    ['the hub', 'secco-system', own, 'True BuiltIn'],
    [
      'the satellite',
      'secco-system',
      { ...own, kind: 'DaemonSet', name: 'secco-satellite' },
      'True BuiltIn'
    ],
    ['hub and webhook in one', 'secco-system', { ...own, name: 'secco' }, 'True BuiltIn'],
    ['another workload beside it', 'secco-system', { ...own, name: 'web' }, 'False NotApproved'],
    ['the same name elsewhere', 'shop', own, 'False NotApproved'],
    ['a bare pod of that name', 'secco-system', { ...own, kind: 'Pod' }, 'False NotApproved']
  ]
  for (const [what, namespace, workload, expected] of table) {
    const profile: SeccompProfile = {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      metadata: { namespace, name: `${workload.name}.hub` },
      spec: { workload }
    }
    const { status } = withOutcome(profile, { state: 'unapproved' }, '2026-01-01T00:00:00Z')
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    t.equal(`${ready?.status ?? ''} ${ready?.reason ?? ''}`, expected, what)
  }
  t.end()
})
