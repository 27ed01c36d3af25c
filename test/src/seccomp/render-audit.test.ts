import { test } from 'tap'
import { renderProfile } from '../../../src/seccomp/render.js'
import { answer, nothing, allowing } from '../../helpers/seccomp-profiles.js'

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
