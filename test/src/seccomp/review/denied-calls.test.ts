import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import {
  allowCommand,
  callerTexts,
  changedWithoutUndecided,
  deniedCallsOf,
  deniedWords,
  fateText,
  undecidedCallsOf,
  withoutUndecided
} from '../../../../src/seccomp/review/denied-calls.js'
import { decideNext, evidenceOf } from '../../../../src/seccomp/review/evidence.js'

const denied = (syscall: string, more: object = {}) => ({
  ...{ syscall, call: syscall, count: 2, comm: 'app', action: 'SCMP_ACT_ERRNO', state: 'open' },
  ...more
})
const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        { names: ['read'], action: 'SCMP_ACT_ALLOW' },
        {
          ...{ names: ['socket'], action: 'SCMP_ACT_ALLOW' },
          args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }]
        },
        { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }
      ]
    }
  },
  status: { observed: { x86_64: ['read', 'socket'] } }
}

test('denied calls are those that wait for a decision, by call', (t) => {
  const calls = deniedCallsOf([
    denied('socket', { call: 'socket:0=0x26', comm: '' }),
    denied('getsid'),
    denied('getsid', { comm: 'curl', count: 1 }),
    denied('bpf', { state: 'allowed' }),
    denied('keyctl', { action: 'SCMP_ACT_LOG' }),
    denied('getsid', { action: 'SCMP_ACT_LOG' })
  ])
  t.same(
    calls.map(({ call, name, times, by, logged }) => ({ call, name, times, by, logged })),
    [
      { call: 'getsid', name: 'getsid', times: 3, by: ['app', 'curl'], logged: false },
      { call: 'socket:0=0x26', name: 'socket', times: 2, by: [], logged: false },
      { call: 'getsid', name: 'getsid', times: 2, by: ['app'], logged: true },
      { call: 'keyctl', name: 'keyctl', times: 2, by: ['app'], logged: true }
    ]
  )
  const logged =
    'logged, and denied in enforce mode: getsid (2 times, by app); keyctl (2 times, by app)'
  t.equal(
    deniedWords(calls),
    `denied: getsid (3 times, by app, curl); socket:0=0x26 (2 times, by an unknown process); ${logged}`
  )
  const onlyLogged = calls.filter((one) => one.logged)
  t.equal(deniedWords(onlyLogged), logged)
  const many = Array.from({ length: 8 }, (_, at) => denied(`call_${at}`, { comm: `p${at}` }))
  t.match(deniedWords(deniedCallsOf(many)), /call_4 \(2 times, by p4\); 3 more calls$/)
  const itemOf = (known: Parameters<typeof evidenceOf>[2]) =>
    evidenceOf(profile, 0, known).find(({ item }) => item === 'denied')
  t.match(itemOf(calls), { ok: false, detail: /^denied: getsid/, next: /allow it, mute it/ })
  t.match(itemOf(onlyLogged), { ok: false, detail: logged, next: /allow it, mute it/ })
  const socket = deniedCallsOf([denied('socket', { call: 'socket:0=0x2' })])
  const earlier =
    'denied by an earlier revision, and allowed by what is approved: socket:0=0x2 (2 times, by app)'
  const ladder = { mode: 'enforce' as const, revision: `sha256:${'a'.repeat(64)}` }
  const pinned = { ...profile, spec: { ...profile.spec, ladder } }
  const itemsOf = (one: SeccompProfile, known: typeof calls) =>
    evidenceOf(one, 0, known).find(({ item }) => item === 'denied')
  t.match(itemOf(socket), { ok: false, detail: `no denied call waits for a decision; ${earlier}` })
  t.match(itemOf(socket), { next: /^once the nodes have what is approved, restart/ })
  t.match(itemsOf(pinned, socket), { ok: false, next: 'leave the pin: promote the profile' })
  const both = itemsOf(pinned, [...socket, ...calls.slice(0, 1)])
  t.match(both, { detail: `denied: getsid (3 times, by app, curl); ${earlier}`, next: decideNext })
  const strange = [{ ...socket[0], call: 'no_such_call', name: 'no_such_call' }] as typeof calls
  t.match(itemOf(strange), { detail: /^denied: no_such_call/ })
  t.match(itemOf([]), { ok: true, detail: 'no denied call waits for a decision' })
  t.match(itemOf(undefined), { ok: false, detail: /not known/, next: /hub runs/ }, 'nobody knows')
  t.end()
})

test('a call that nobody decided is one, with the containers of its callers', (t) => {
  const place = { containerName: 'app', pod: 'web-1', workload: 'Deployment/web' }
  const calls = undecidedCallsOf([
    denied('chroot', { action: 'SCMP_ACT_LOG', ...place }),
    denied('chroot', { comm: 'sh', ...place }),
    denied('chroot', { comm: 'sh', ...place, pod: 'web-2' }),
    denied('setsid', { state: 'muted', comm: '', container: 'c1', containerName: '' }),
    denied('getpgrp', { state: 'closed' }),
    denied('bpf', { state: 'allowed' })
  ])
  t.same(
    calls.map((one) => [one.call, one.times, fateText(one), callerTexts(one)]),
    [
      [
        ...['chroot', 6, 'denied'],
        [
          'app in container app, pod web-1, Deployment/web',
          'sh in container app, pod web-1, Deployment/web',
          'sh in container app, pod web-2, Deployment/web'
        ]
      ],
      ['setsid', 2, 'muted, denied', ['an unknown process in container c1']]
    ]
  )
  const many = Array.from({ length: 8 }, (_, at) => denied('chroot', { comm: `p${at}` }))
  t.same(undecidedCallsOf(many).flatMap(callerTexts).slice(4), ['p4', '3 more callers'])
  t.end()
})

test('an approval of everything sees nothing of what was denied or logged', (t) => {
  const status = { observed: { i386: ['chroot'], x86_64: ['chroot', 'read', 'socket'] } }
  const own = { ...profile, status }
  const view = withoutUndecided(own, [{ name: 'chroot' }])
  t.same(view.status?.observed, { i386: [], x86_64: ['read', 'socket'] })
  t.equal(withoutUndecided(own, [{ name: 'bpf' }]), own, 'nothing was observed of it')
  const calls = undecidedCallsOf([denied('chroot'), denied('bpf', { state: 'muted' })])
  const after = changedWithoutUndecided(own, calls, (one) => ({ ...one, spec: {} }))
  t.same(after, { ...own, spec: {} }, 'what was observed stays')
  const same = changedWithoutUndecided(own, calls, (one) => one)
  t.equal(same, own, 'nothing changed')
  t.equal(allowCommand('shop/web', calls), 'secco denials allow shop/web chroot', 'not the muted')
  const never = [denied('no_such_call'), denied('mount', { block: 'mount' })]
  t.equal(allowCommand('shop/web', undecidedCallsOf(never)), undefined)
  t.end()
})

test('a decision allows a denied call also where the profile names it', (t) => {
  const decide = (...allow: string[]) =>
    decideCalls(profile, { by: 'ann', at: '', reason: '', allow, deny: [] })
  const rulesOf = (name: string, ...allow: string[]) =>
    (decide(...allow).spec.seccomp?.syscalls ?? [])
      .filter(({ names }) => names.includes(name))
      .map(({ action, args = [] }) => `${action} ${args.map(({ value }) => value).join()}`)
  t.same(rulesOf('mount', 'mount'), ['SCMP_ACT_ALLOW '], 'it was denied by a rule')
  t.same(rulesOf('socket', 'socket:0=0x26'), ['SCMP_ACT_ALLOW 2', 'SCMP_ACT_ALLOW 38'])
  t.same(rulesOf('socket', 'socket'), ['SCMP_ACT_ALLOW 2'], 'observed arguments stay the limit')
  t.equal(decide('socket:0=2'), profile, 'nothing changes')
  t.throws(() => decide('no_such_call:0=1'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => decide('read:0=1,write'), { code: 'INVALID_ARGUMENT' })
  t.end()
})
