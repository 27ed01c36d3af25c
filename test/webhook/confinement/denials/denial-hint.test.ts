import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { parseAllow } from '../../../../src/seccomp/review/allow.js'
import type { DenialRow } from '../../../../webhook/hub/denials/denial-rows.js'
import { denialHint } from '../../../../webhook/confinement/denials/denial-hint.js'

const row: DenialRow = {
  ...{ key: 'k', node: 'n', namespace: 'shop', workload: 'Deployment/web', profile: 'web' },
  ...{ container: 'c', containerName: 'app', pod: 'web-1', answer: 'EPERM', instance: 'i' },
  ...{ revision: '', syscall: 'socket', abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO' },
  ...{ errno: 1, signal: '', comm: 'app', pid: 7, count: 1, firstSeen: '', lastSeen: '', at: '' },
  ...{ expected: false, succeeded: 0 }
}

test('the next step for a denial names the arguments that decide', (t) => {
  const table: [string, Partial<DenialRow>, RegExp][] = [
    ['by number', { syscall: 'getpriority' }, /allow it: .* web getpriority$/],
    [
      'by number, whatever its arguments were',
      { syscall: 'keyctl', arguments: '0x1 0x2 0x3 0x4' },
      /RuntimeDefault denies it too: .* web keyctl$/
    ],
    [
      'an argument that RuntimeDefault denies',
      { arguments: '0x26' },
      /RuntimeDefault denies it with these arguments too: find out why app needs it.* socket:0=0x26$/
    ],
    ['an argument that it allows', { arguments: '0x2 0x1' }, / web socket:0=0x2,1=0x1$/],
    [
      'an argument that RuntimeDefault ignores',
      { syscall: 'ioctl', arguments: '? 0x5412' },
      / ioctl:1=0x5412$/
    ],
    [
      'an argument that does not fit into a profile',
      { syscall: 'ioctl', arguments: '? 0xffffffff80045430' },
      / web ioctl$/
    ],
    ['unknown arguments', { arguments: '' }, / web socket$/]
  ]
  for (const [why, part, expected] of table) {
    const hint = denialHint({ ...row, ...part }, 'enforce', 'web')
    t.match(hint, expected, why)
    // The command in the hint can be parsed.
    t.doesNotThrow(() => parseAllow(hint.split(' ').at(-1) ?? ''), why)
  }
  t.end()
})

test('a call that an emergency blocks is unblocked there', (t) => {
  const overlay: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'secco-system', name: 'emergency' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['getsid'], action: 'SCMP_ACT_ERRNO' }]
      }
    }
  }
  const hint = (syscall: string) => denialHint({ ...row, syscall }, 'enforce', 'web', overlay)
  t.equal(hint('getsid'), 'blocked in an emergency, in every profile: secco block getsid --remove')
  t.match(hint('getpriority'), /^allow it: /)
  t.end()
})
