import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { deniedOf, isAllowed } from '../../../../src/seccomp/filter/denied.js'
import { lintSeccomp } from '../../../../src/seccomp/lint/lint.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { riskOf } from '../../../../src/seccomp/policy/risk.js'
import { abisOfMachine } from '../../../../src/syscalls/abi.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { verdictsOf } from '../../../../src/seccomp/filter/verdict.js'
import { enforce, allowing } from '../../../helpers/seccomp-profiles.js'

test('enforce hides no denial that audit flags', (t) => {
  const document = allowing(['socket'])
  const [inEnforce, inAudit] = [enforce, { ...enforce, mode: 'audit' as const }].map((options) =>
    verdictsOf(renderProfile(document, options).seccomp, 'x86_64')
  )
  const hidden: string[] = []
  for (const abi of abisOfMachine('x86_64')) {
    for (const name of knownSyscalls) {
      const [enforced, audited] = [inEnforce?.(abi, name).kind, inAudit?.(abi, name).kind]
      if (enforced !== 'expected') continue
      hidden.push(`${abi} ${name}`)
      t.equal(audited, 'expected', `${abi} ${name}: audit`)
    }
  }
  t.same(hidden, ['x86_64 clone3'])
  t.same(
    ['memfd_create', 'copy_file_range', 'futex_waitv'].map((name) => inEnforce?.('x86_64', name)),
    Array(3).fill({ kind: 'denied', action: 'SCMP_ACT_ERRNO', errno: 38 }),
    'they get ENOSYS still'
  )
  t.end()
})

test('denied, lint, risk', (t) => {
  const { seccomp } = renderProfile(allowing(['socket']), enforce)
  const counts = { read: 5, socket: 3, clone3: 9, mount: 2, ptrace: 7, sysinfo: 0 }
  const action = 'SCMP_ACT_ERRNO'
  const denied = { abi: 'x86_64', kind: 'denied', action, errno: 1 }
  t.same(deniedOf({ x86_64: counts }, verdictsOf(seccomp, 'x86_64')), [
    { ...denied, syscall: 'clone3', kind: 'expected', errno: 38, count: 9 },
    { ...denied, syscall: 'ptrace', count: 7 },
    { ...denied, syscall: 'mount', count: 2 }
  ])
  const verdicts = verdictsOf(
    {
      defaultAction: 'SCMP_ACT_LOG',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [
        { names: ['read', 'socket'], action: 'SCMP_ACT_ALLOW' },
        { names: ['keyctl'], action: 'SCMP_ACT_KILL_PROCESS' },
        { names: ['clone3', 'io_uring_setup', 'memfd_create', 'statx'], action, errnoRet: 38 },
        {
          names: ['personality'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 0, op: 'SCMP_CMP_NE', value: 0 }]
        },
        {
          names: ['prctl'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }]
        }
      ]
    },
    'x86_64'
  )
  for (const [abi, name, expected] of [
    ['x86_64', 'read', { kind: 'allowed' }],
    ['x86_64', 'mount', { kind: 'logged', action: 'SCMP_ACT_LOG', errno: undefined }],
    ['x86_64', 'syscall_500', { kind: 'logged', action: 'SCMP_ACT_LOG', errno: undefined }],
    ['i386', 'keyctl', { kind: 'denied', action: 'SCMP_ACT_KILL_PROCESS', errno: undefined }],
    ['x86_64', 'clone3', { kind: 'expected', action, errno: 38 }],
    ['x86_64', 'statx', { kind: 'denied', action, errno: 38 }],
    ['x86_64', 'memfd_create', { kind: 'denied', action, errno: 38 }],
    ['x86_64', 'io_uring_setup', { kind: 'denied', action, errno: 38 }],
    ['x86_64', 'personality', { kind: 'conditional' }],
    ['x86_64', 'prctl', { kind: 'conditional' }],
    ['i386', 'socketcall', { kind: 'conditional' }],
    ['x32', 'read', { kind: 'denied', action: 'SCMP_ACT_KILL_THREAD', errno: undefined }]
  ] as const) {
    t.same(verdicts(abi, name), expected, `${abi} ${name}`)
  }
  const traced = { defaultAction: 'SCMP_ACT_TRACE' } as unknown as LinuxSeccomp
  t.same(verdictsOf(traced, 'x86_64')('x86_64', 'read'), { kind: 'conditional' })
  t.equal(isAllowed(seccomp, 'socket'), 'conditional')
  t.equal(isAllowed(seccomp, 'futex'), 'allowed')
  const rules = (s: LinuxSeccomp) => new Set(lintSeccomp(s).map((finding) => finding.rule))
  t.ok(rules({ defaultAction: 'SCMP_ACT_ALLOW' }).has('allow-all'))
  const bad = rules({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ names: ['bpf', 'nonsense'], action: 'SCMP_ACT_ALLOW' }]
  })
  for (const rule of [
    'enosys-default',
    'missing-exit',
    'unknown-name',
    'dangerous',
    'i386-missing'
  ]) {
    t.ok(bad.has(rule), rule)
  }
  t.same(
    lintSeccomp(seccomp).filter((finding) => finding.severity !== 'note'),
    []
  )
  t.equal(riskOf('bpf')?.level, 'high')
  t.equal(riskOf('read'), undefined)
  t.end()
})
