import { test } from 'tap'
import { bySeverity, forbidden } from '../../../../src/seccomp/lint/lint-finding.js'
import { lintRaw } from '../../../../src/seccomp/lint/lint-raw.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { profileOf } from '../../../helpers/instances.js'
import { nothing } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('lint: each rule', (t) => {
  const full = renderProfile(profileOf({}, {}), { mode: 'enforce', resolve: nothing }).seccomp
  t.same(forbidden(lintRaw(full)), [], 'what Secco renders passes its own lint')
  const oci = (change: Record<string, unknown>) => ({ ...full, ...change })
  const spec = (seccomp: unknown) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'x' } },
    spec: { seccomp }
  })
  const without = (...names: string[]) =>
    oci({
      syscalls: (full.syscalls ?? [])
        .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.includes(name)) }))
        .filter((rule) => rule.names.length > 0)
    })
  const plus = (rule: unknown) => oci({ syscalls: [...(full.syscalls ?? []), rule] })
  const allow = (...names: string[]) => ({ names, action: 'SCMP_ACT_ALLOW' })
  const errno = { defaultAction: 'SCMP_ACT_ERRNO' }
  const x86 = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']
  const old = { name: 'runc', version: '1.1.5+ds1' }
  const cases: { document: unknown; rule: string; severity: string; runtime?: typeof old }[] = [
    { document: without('exit', 'exit_group'), rule: 'missing-exit', severity: 'error' },
    { document: without('execve'), rule: 'missing-execve', severity: 'error' },
    { document: without('futex'), rule: 'missing-base', severity: 'error' },
    {
      document: plus({ ...allow('read'), includes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule: 'docker-only',
      severity: 'error'
    },
    {
      document: plus({ ...allow('read'), comment: 'x' }),
      rule: 'docker-only',
      severity: 'warning'
    },
    {
      document: plus({ name: 'read', action: 'SCMP_ACT_ALLOW' }),
      rule: 'docker-only',
      severity: 'error'
    },
    { document: oci({ archMap: [] }), rule: 'docker-only', severity: 'error' },
    { document: oci({ archmap: [] }), rule: 'unknown-key', severity: 'error' },
    { document: plus(allow('nonsense')), rule: 'unknown-name', severity: 'warning' },
    {
      document: spec({ ...errno, syscalls: [allow('nonsense')] }),
      rule: 'unknown-name',
      severity: 'error'
    },
    {
      document: spec({ ...errno, syscalls: [allow('riscv_hwprobe')] }),
      rule: 'other-architecture',
      severity: 'error'
    },
    {
      document: spec({ ...errno, architectures: ['SCMP_ARCH_AARCH64'], syscalls: [allow('open')] }),
      rule: 'other-architecture',
      severity: 'warning'
    },
    { document: errno, rule: 'empty', severity: 'error' },
    { document: spec({ ...errno, syscalls: [] }), rule: 'empty', severity: 'warning' },
    { document: spec(undefined), rule: 'empty', severity: 'note' },
    { document: plus(allow('mount')), rule: 'beyond-runtime-default', severity: 'warning' },
    { document: plus(allow('mount')), rule: 'dangerous', severity: 'warning' },
    { document: plus(allow('socket')), rule: 'wider-arguments', severity: 'warning' },
    {
      document: oci({ architectures: ['SCMP_ARCH_X86_64'] }),
      rule: 'i386-missing',
      severity: 'note'
    },
    {
      document: { ...plus(allow('socketcall')), architectures: x86 },
      rule: 'abi-hole',
      severity: 'warning'
    },
    {
      document: oci({ architectures: [...x86, 'SCMP_ARCH_X32'] }),
      rule: 'x32-listed',
      severity: 'note'
    },
    {
      document: {
        ...errno,
        syscalls: [allow('open', 'execve', 'exit', 'exit_group', 'futex', 'rt_sigreturn')]
      },
      rule: 'open-without-openat',
      severity: 'warning'
    },
    { document: plus(allow('io_uring_setup')), rule: 'io-uring-bypass', severity: 'warning' },
    { document: oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }), rule: 'flags', severity: 'warning' },
    {
      document: oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }),
      rule: 'flags',
      severity: 'error',
      runtime: old
    },
    { document: oci({ flags: ['FASTER'] }), rule: 'flags', severity: 'error' },
    { document: oci({ listenerPath: '/x' }), rule: 'listener', severity: 'error' },
    { document: { defaultAction: 'SCMP_ACT_ALLOW' }, rule: 'allow-all', severity: 'error' },
    { document: spec({ defaultAction: 'SCMP_ACT_LOG' }), rule: 'allow-all', severity: 'warning' },
    { document: oci({ defaultErrnoRet: 38 }), rule: 'enosys-default', severity: 'warning' },
    { document: oci({ defaultAction: 'SCMP_ACT_KILL' }), rule: 'kill-default', severity: 'note' },
    { document: oci({ defaultAction: 'ALLOW' }), rule: 'invalid', severity: 'error' },
    { document: plus('read'), rule: 'invalid', severity: 'error' },
    { document: 7, rule: 'invalid', severity: 'error' },
    { document: { linux: {} }, rule: 'invalid', severity: 'error' },
    { document: { linux: { seccomp: errno } }, rule: 'empty', severity: 'error' },
    { document: { kind: 'SeccompProfile', spec: { ...errno } }, rule: 'empty', severity: 'error' },
    {
      document: spec({
        ...errno,
        syscalls: [allow('execve'), { names: ['execve'], action: 'SCMP_ACT_KILL' }]
      }),
      rule: 'missing-execve',
      severity: 'error'
    },
    {
      document: spec({ ...errno, syscalls: [{ names: ['exit_group'], action: 'SCMP_ACT_ERRNO' }] }),
      rule: 'missing-exit',
      severity: 'error'
    }
  ]
  const range = (index: number, op: string, value: number) => ({ index, op, value })
  const misbuilt = [
    { ...allow('getrandom'), args: [range(0, 'SCMP_CMP_GT', 9)] },
    {
      ...allow('getrandom'),
      args: [range(0, 'SCMP_CMP_LT', 21_505), range(1, 'SCMP_CMP_LE', 0xffffffff)]
    }
  ]
  const others = without('getrandom').syscalls ?? []
  cases.push(
    {
      document: oci({ syscalls: [...others, ...misbuilt] }),
      ...{ rule: 'misbuilt-arguments', severity: 'error' }
    },
    {
      document: spec({ ...errno, syscalls: [...misbuilt] }),
      ...{ rule: 'misbuilt-arguments', severity: 'warning' }
    },
    {
      document: spec({
        ...errno,
        syscalls: [
          { names: ['futex'], action: 'SCMP_ACT_ERRNO', args: [range(1, 'SCMP_CMP_EQ', 7)] }
        ]
      }),
      ...{ rule: 'base-partly-denied', severity: 'warning' }
    }
  )
  for (const { document, rule, severity, runtime } of cases) {
    const found = lintRaw(document, runtime === undefined ? {} : { runtime })
    const text = found.map((each) => `${each.severity} ${each.rule} ${each.subject}`)
    t.ok(
      found.some((each) => each.rule === rule && each.severity === severity),
      `${severity} ${rule}: ${text.slice(0, 6).join(', ')}`
    )
    const levels = (some: typeof found) =>
      some.map((each) => ['error', 'warning', 'note'].indexOf(each.severity))
    t.same(levels(bySeverity(found)), levels(found).sort(), 'the most serious comes first')
    for (const each of found) t.ok(each.message !== '' && each.fix !== '' && each.subject !== '')
  }
  matchLists(t, lintRaw(oci({ defaultAction: 'ALLOW' })), [
    { subject: 'defaultAction', message: /must be one of/ }
  ])
  t.same(
    forbidden(
      lintRaw(oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }), {
        runtime: { ...old, version: '1.2.8' }
      })
    ),
    []
  )
  t.end()
})

test('base is asked only for the ABIs that a profile lists', (t) => {
  const { seccomp } = renderProfile(profileOf({}, {}), { mode: 'enforce', resolve: nothing })
  const syscalls = (seccomp.syscalls ?? []).map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== 'sigreturn' && name !== 'getuid32')
  }))
  const missing = (architectures: string[]) =>
    lintRaw({ ...seccomp, syscalls, architectures })
      .filter(({ rule }) => rule === 'missing-base')
      .map(({ subject }) => subject)
      .filter((name) => name === 'sigreturn' || name === 'getuid32')
      .sort()
  t.same(missing(['SCMP_ARCH_X86_64']), [], 'i386 alone has them')
  t.same(missing(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']), ['getuid32', 'sigreturn'])
  t.end()
})

test('names of other ABIs that libraries exchange need no step; others are a warning in a spec', (t) => {
  const allow = (...names: string[]) => ({ names, action: 'SCMP_ACT_ALLOW' })
  const answer = (name: string, errnoRet: number) => ({
    ...{ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet }
  })
  for (const [what, rules, severity] of [
    ['a member of a family that is allowed on the ABI', [allow('ppoll', 'ppoll_time64')], 'note'],
    ['a family without such a member', [allow('ppoll_time64')], 'warning'],
    ['ENOSYS for what a libc tries first', [answer('futex_time64', 38)], 'note'],
    ['another answer to it', [answer('futex_time64', 1)], 'warning'],
    ['ENOSYS, and allowed too', [answer('futex_time64', 38), allow('futex_time64')], 'warning'],
    ['in no family', [allow('socketcall')], 'warning']
  ] as const) {
    const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'] }
    const found = lintRaw({
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'x' } },
      spec: { seccomp: { ...seccomp, syscalls: [allow('read'), ...rules] } }
    }).filter(({ rule }) => rule === 'other-architecture')
    t.same(
      found.map((one) => [one.severity, one.message.includes('no step is needed')]),
      [[severity, severity === 'note']],
      what
    )
  }
  t.end()
})
