import { test } from 'tap'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { answer, nothing, allowing } from '../../../helpers/seccomp-profiles.js'

const audit = { mode: 'audit', resolve: nothing } as const

test('audit', (t) => {
  const profile = allowing(
    ['read', 'clone3'],
    [
      {
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
      },
      {
        names: ['setsockopt'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 1, value: 9, op: 'SCMP_CMP_EQ' }]
      }
    ]
  )
  const { seccomp } = renderProfile(profile, audit)
  for (const [name, args, expected] of [
    ['read', [], 'SCMP_ACT_ALLOW'],
    ['sysinfo', [], 'SCMP_ACT_LOG'],
    ['socket', [1], 'SCMP_ACT_ALLOW'],
    ['socket', [2], 'SCMP_ACT_LOG'],
    ['socket', [38], 'SCMP_ACT_ERRNO/1'],
    ['setsockopt', [0, 9], 'SCMP_ACT_ALLOW'],
    ['setsockopt', [0, 8], 'SCMP_ACT_LOG'],
    ['mount', [], 'SCMP_ACT_ERRNO/1'],
    ['clone3', [], 'SCMP_ACT_ERRNO/38'],
    ['io_uring_setup', [], 'SCMP_ACT_ERRNO/1']
  ] as const) {
    t.equal(answer(seccomp, name, args.map(BigInt)), expected, `${name} ${args.join()}`)
  }
  t.equal(seccomp.architectures?.length, 3, 'every ABI')
  t.end()
})

test('conditions that never hold let nothing through, in audit as in enforce', (t) => {
  const never = [
    { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 0, valueTwo: 0 },
    { index: 1, op: 'SCMP_CMP_LT', value: 0 }
  ] as const
  for (const [name, ofDefault] of [
    ['oldstat', 'SCMP_ACT_ERRNO/1'],
    ['mount', 'SCMP_ACT_ERRNO/1'],
    ['sysinfo', 'SCMP_ACT_LOG']
  ] as const) {
    const rule = { names: [name], action: 'SCMP_ACT_ALLOW' as const, args: [...never] }
    const { seccomp } = renderProfile(allowing([], [rule]), audit)
    t.equal(answer(seccomp, name, [1n, 0n, 1n]), ofDefault, name)
  }
  t.end()
})
