import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { planArguments } from '../../../../src/seccomp/review/argument-approval.js'
import { limitsOf } from '../../../../src/seccomp/review/limits.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { holds, profileOf, passes, modes } from '../../../helpers/renderings.js'
import { enforce, nothing, allowing } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

const learned = (name: string, index: number, values: number[], more = {}) => ({
  abi: 'x86_64' as const,
  name,
  index,
  values: values.map(String),
  ...more
})

test('learned arguments become conditions', (t) => {
  const runtimes = [{ name: 'runc', version: '1.1.5' }]
  const profile = profileOf(
    { learn: { arguments: ['clone'] } },
    {
      observed: { x86_64: ['clone', 'connect', 'ioctl', 'personality', 'read', 'socket'] },
      arguments: [
        learned('socket', 0, [1, 2, 38]),
        learned('socket', 1, [1]),
        learned('socket', 2, [0, 6]),
        learned('clone', 0, [0]),
        learned('ioctl', 1, [21505, 0x80045430]),
        learned('personality', 0, [0xffffffff])
      ]
    }
  )
  const approve = (from: SeccompProfile, calls: string[]) =>
    approveObserved(from, { by: 'ann', at: 'now', arguments: calls })
  const one = approve(profile, ['default', 'ioctl'])
  validateObject(one, 'approved')
  for (const mode of modes) {
    const { seccomp, reasons } = renderProfile(one, { mode, resolve: nothing, runtimes })
    const silent = (name: string, ...call: number[]) =>
      rulesOf(seccomp).some(
        (rule) =>
          rule.name === name &&
          rule.action === 'SCMP_ACT_ALLOW' &&
          holds(rule.args ?? [], call.map(BigInt))
      )
    for (const [name, call, expected] of [
      ['socket', [2, 1, 0], true],
      ['socket', [1, 1 + 0o2004000, 6], true],
      // Where several arguments decide, audit tells families apart and not what is asked within one.
      ['socket', [2, 2, 0], mode === 'audit'],
      ['socket', [16, 1, 0], false],
      ['socket', [38, 1, 0], false],
      ['clone', [0x1200011], true],
      ['clone', [0x10000011], false],
      ['ioctl', [0, 21505], true],
      ['ioctl', [0, 0x80045430], true],
      ['ioctl', [0, 5], mode === 'audit'],
      ['clone', [0x11], true],
      ['personality', [0xffffffff], true],
      ['personality', [0], false],
      ['read', [1], true],
      ['vfork', [], true]
    ] as const) {
      t.equal(silent(name, ...call), expected, `${mode}: ${name} ${call.join()}`)
    }
    t.equal(passes(seccomp, 'socket', [38n, 1n, 0n]), false, `${mode}: AF_ALG`)
    t.equal(passes(seccomp, 'socket', [16n, 3n, 0n]), mode === 'audit', 'audit only logs')
    t.notOk(reasons['socket']?.some(({ text }) => text === 'beyond RuntimeDefault'))
  }
  t.ok(
    passes(renderProfile(one, { ...enforce, runtimes }).seccomp, 'ioctl', [
      0n,
      0xffffffff80045430n
    ]),
    'sign-extended, as musl does'
  )
  const prctl = { index: 0, op: 'SCMP_CMP_EQ' as const, value: 99 }
  const limited = profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['exit_group', 'prctl'], action: 'SCMP_ACT_ALLOW', args: [prctl] }]
    }
  })
  const starts = renderProfile(limited, { ...enforce, runtimes }).seccomp
  t.ok(passes(starts, 'exit_group', [0n]), 'what every container needs is allowed whole')
  t.ok(passes(starts, 'prctl', [8n]) && passes(starts, 'prctl', [99n]), "the runtime's own options")
  t.notOk(passes(starts, 'prctl', [31n]), 'and no others')
  t.same(planArguments(profile, 'socket').denied, ['38/1/0', '38/1/6'])
  t.same(one.spec.learn?.arguments?.includes('socket'), true, 'the next approval does the same')
  t.equal(approve(one, []), one, 'nothing new')
  const more = {
    ...one,
    status: {
      ...one.status,
      arguments: [...(one.status?.arguments ?? []), learned('socket', 0, [10])]
    }
  }
  const two = renderProfile(approve(more, []), enforce).seccomp
  t.ok(passes(two, 'socket', [10n, 1n, 0n]), 'new values come with the next approval')
  t.ok(passes(two, 'socket', [2n, 1n, 6n]), 'and those before stay')
  const many = profileOf(
    { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, learn: { arguments: ['ioctl', 'read'] } },
    {
      observed: { x86_64: ['clone3', 'io_uring_enter', 'ioctl', 'read'], i386: ['socketcall'] },
      arguments: [learned('ioctl', 1, [1, 2], { many: true })]
    }
  )
  const rules = approve(many, []).spec.seccomp?.syscalls
  matchLists(
    t,
    rules,
    [{ names: ['clone3', 'io_uring_enter', 'ioctl', 'read', 'socketcall'] }],
    'by name'
  )
  const limits = limitsOf(many, { libseccomp: '2.5.4' })
  for (const subject of ['clone3', 'io_uring_enter', 'ioctl', 'read', 'socketcall']) {
    t.ok(
      limits.some((limit) => limit.subject === subject),
      `says what cannot be filtered: ${subject}`
    )
  }
  t.ok(limitsOf(one).some(({ subject }) => subject === 'connect'))
  t.ok(
    limitsOf(allowing(['cachestat']), { libseccomp: '2.5.4' }).some(({ reason }) =>
      /2\.5\.4/.test(reason)
    )
  )
  t.end()
})
