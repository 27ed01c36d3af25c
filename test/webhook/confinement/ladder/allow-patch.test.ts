import { execFileSync } from 'node:child_process'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { isApprovalStale } from '../../../../src/seccomp/policy/approval.js'
import { patchCommand } from '../../../../webhook/confinement/ladder/allow-patch.js'

test('a shell gives kubectl the patch, whatever the reason is', (t) => {
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      extends: ['secco-system/base'],
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['getsid', 'read'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const at = '2026-01-01T00:00:00.000Z'
  for (const reason of ['needed', `it's`, '$(id) `id` "x" \\ \n !', `'; touch /tmp/x; '`]) {
    const before = { ...profile, spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } } } as const
    const command = patchCommand(profile, before, { by: 'ann', at, reason })
    const print = `kubectl() { printf '%s\\0' "$@"; }\n${command}`
    const words = execFileSync('sh', ['-c', print]).toString().split('\0').slice(0, -1)
    t.same(words.slice(0, -1), [
      ...['patch', 'seccompprofiles.secco.dev', 'web', '-n', 'shop', '--type', 'json', '-p']
    ])
    const [test, seccomp, approval] = JSON.parse(words.at(-1) ?? '') as {
      op: string
      path: string
      value: object
    }[]
    t.same(test, { op: 'test', path: '/spec/seccomp', value: before.spec.seccomp })
    t.same(seccomp, { op: 'add', path: '/spec/seccomp', value: profile.spec.seccomp })
    t.match(approval, { op: 'add', path: '/spec/approval', value: { by: 'ann', at, reason } })
    const spec = { ...profile.spec, approval: approval?.value } as SeccompProfile['spec']
    t.notOk(isApprovalStale(spec), 'it approves what the patch makes')
  }
  t.end()
})
