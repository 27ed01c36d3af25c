import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { parseAllow } from '../../../../src/seccomp/review/allow.js'
import type { DenialRow } from '../../../../webhook/hub/denials/denial-row.js'
import { blockOfCall } from '../../../../webhook/confinement/denials/blocked-call.js'
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
      /RuntimeDefault denies it with these arguments too: find out why app needs it.* socket:domain=AF_ALG$/
    ],
    ['an argument that it allows', { arguments: '0x2 0x1' }, / web socket:domain=AF_INET,type=1$/],
    [
      'an argument that RuntimeDefault ignores',
      { syscall: 'ioctl', arguments: '? 0x5412' },
      / ioctl:request=0x5412$/
    ],
    [
      'an argument that does not fit into a profile',
      { syscall: 'ioctl', arguments: '? 0xffffffff80045430' },
      / web ioctl$/
    ],
    ['unknown arguments', { arguments: '' }, / web socket$/]
  ]
  for (const [why, part, expected] of table) {
    const hint = denialHint({ ...row, ...part }, 'enforce', ['web'])
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
        syscalls: [
          { names: ['getsid'], action: 'SCMP_ACT_ERRNO' },
          {
            ...{ names: ['socket'], action: 'SCMP_ACT_ERRNO' },
            args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 }]
          }
        ]
      }
    }
  }
  const hintOf = (one: DenialRow) => denialHint(one, 'enforce', ['web'], blockOfCall(overlay, one))
  const hint = (syscall: string) => hintOf({ ...row, syscall })
  t.equal(hint('getsid'), 'blocked in an emergency, in every profile: secco block getsid --remove')
  t.match(hint('getpriority'), /^allow it: /)
  const socket = (args: string) => hintOf({ ...row, syscall: 'socket', arguments: args })
  t.match(socket('0x26 0x5'), /^blocked in an emergency, .*: secco block socket:0=38 --remove$/)
  t.match(socket('0x10 0x3'), /denials allow/, 'other arguments')
  t.match(socket(''), /denials allow/, 'arguments that nobody knows')
  t.end()
})

test('a denial under a content that two profiles share names both', (t) => {
  const hint = denialHint({ ...row, syscall: 'getpriority' }, 'enforce', ['shop/api', 'shop/web'])
  t.match(hint, /shop\/api and shop\/web have the same content/)
  t.match(
    hint,
    /secco denials allow shop\/api getpriority or secco denials allow shop\/web getpriority$/
  )
  t.end()
})

test('what a pinned profile denies is allowed once new pods get the newest revision', (t) => {
  const leave = 'secco promote shop/web enforce --reason WHY'
  const pin = { revision: 'web@1', newest: 'web@2', since: '', by: '', leave }
  const hint = (isApproved: boolean, syscall = 'getpriority') =>
    denialHint({ ...row, syscall }, 'enforce', ['shop/web'], undefined, { ...pin, isApproved })
  const pinned = 'new pods get web@1, to which the profile is pinned'
  t.equal(hint(true), `web@2 allows it, but ${pinned}: ${leave}`)
  t.equal(hint(true, 'bpf'), hint(true), 'there is nothing to allow')
  const allow = 'secco denials allow shop/web getpriority'
  t.equal(hint(false), `allow it: ${pinned}: ${allow}, then ${leave}`)
  t.end()
})

test('a profile that only learns cannot allow one call: it is approved first', (t) => {
  const first = 'approve what was observed first: secco profile approve web, then: '
  const beyond = 'RuntimeDefault denies it too: find out why app needs it before you allow it: '
  // [syscall, mode, hint]
  const table: [string, string, string][] = [
    ['getpriority', '', `${first}secco denials allow web getpriority`],
    ['getpriority', 'audit', `${first}secco denials allow web getpriority`],
    ['keyctl', '', `${beyond}${first}secco denials allow web keyctl`]
  ]
  for (const [syscall, mode, hint] of table)
    t.equal(denialHint({ ...row, syscall }, mode, ['web'], undefined, undefined, ['web']), hint)
  t.end()
})
