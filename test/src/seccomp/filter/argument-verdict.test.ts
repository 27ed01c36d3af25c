import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { argumentVerdictsOf } from '../../../../src/seccomp/filter/argument-verdict.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { conditions } from '../../../helpers/random-profile.js'

const [errno, allow] = ['SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW'] as const
const eq = (index: number, value: number) => ({ index, op: 'SCMP_CMP_EQ' as const, value })
const profile: LinuxSeccomp = {
  defaultAction: errno,
  defaultErrnoRet: 1,
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  syscalls: [
    { names: ['read', 'socketcall'], action: allow },
    { names: ['socket'], action: allow, args: [{ index: 0, op: 'SCMP_CMP_NE', value: 38 }] },
    { names: ['personality'], action: allow, args: [eq(0, 0)] },
    { names: ['personality'], action: allow, args: [eq(0, 8)] },
    { names: ['prctl'], action: 'SCMP_ACT_LOG', args: [eq(0, 4), eq(1, 0)] },
    { names: ['keyctl'], action: 'SCMP_ACT_KILL_PROCESS', args: [eq(0, 1)] },
    // Two on one argument: either.
    { names: ['fcntl'], action: allow, args: [eq(1, 1), eq(1, 2)] },
    { names: ['ioctl'], action: allow, args: [{ index: 1, op: 'SCMP_CMP_LT', value: 0x5411 }] },
    { names: ['clone'], action: allow, args: [eq(0, 1)] },
    { names: ['clone'], action: errno, errnoRet: 38, args: [eq(1, 2)] }
  ]
}
const denied = { kind: 'denied', action: errno, errno: 1 }
const unsure = { kind: 'conditional' }

test('what became of a call by its arguments', (t) => {
  const verdicts = argumentVerdictsOf(profile, 'x86_64')
  const table: [string, 'x86_64' | 'i386', string, number, (bigint | undefined)[], object][] = [
    ['allowed', 'x86_64', 'socket', 1, [1n], { kind: 'allowed' }],
    ['denied', 'x86_64', 'socket', 1, [38n, undefined], denied],
    ['64 bits count', 'x86_64', 'socket', 1, [0x100000026n], { kind: 'allowed' }],
    ['of 32 bits the lower half alone', 'i386', 'socket', 1, [0x100000026n], denied],
    ['none of the alternatives', 'x86_64', 'personality', 1, [5n], denied],
    ['one of them', 'x86_64', 'personality', 1, [8n], { kind: 'allowed' }],
    ['logged', 'x86_64', 'prctl', 3, [4n, 0n], { kind: 'logged', action: 'SCMP_ACT_LOG' }],
    ['one of two does not hold', 'x86_64', 'prctl', 3, [4n, 1n], denied],
    ['one is not known', 'x86_64', 'prctl', 3, [4n], unsure],
    ['two on one argument', 'x86_64', 'fcntl', 2, [undefined, 2n], { kind: 'allowed' }],
    ['killed', 'x86_64', 'keyctl', 1, [1n], { kind: 'denied', action: 'SCMP_ACT_KILL_PROCESS' }],
    ['less than', 'x86_64', 'ioctl', 2, [undefined, 0x5412n], denied],
    ['two rules of other kinds hold', 'x86_64', 'clone', 3, [1n, 2n], unsure],
    ['expected', 'x86_64', 'clone', 3, [0n, 2n], { kind: 'denied', action: errno, errno: 38 }],
    ['by number', 'x86_64', 'read', 0, [1n], unsure],
    ['not named', 'x86_64', 'mount', 0, [1n], unsure],
    ['behind a multiplexer', 'i386', 'socketcall', 0, [1n], unsure]
  ]
  for (const [why, abi, name, asked, args, expected] of table) {
    t.equal(verdicts.asked(abi, name), asked, `${why}: asked`)
    t.matchOnly(verdicts.of(abi, name, args), expected, why)
  }
  const usual = argumentVerdictsOf(runtimeDefault(), 'x86_64')
  t.strictSame(usual.of('x86_64', 'personality', [0x20008n]), { kind: 'allowed' })
  t.strictSame(usual.of('x86_64', 'personality', [1n]), denied)
  t.strictSame(usual.of('x86_64', 'clone', [0x10000000n]), denied, 'a user namespace')
  t.strictSame(usual.of('x86_64', 'clone', [17n]), { kind: 'allowed' })
  t.end()
})

test('what is told as denied, the filter does not allowed', (t) => {
  const action = fc.constantFrom(allow, errno, 'SCMP_ACT_LOG' as const, 'SCMP_ACT_TRAP' as const)
  const rule = fc.record({ action, args: conditions, names: fc.constant<string[]>(['ioctl']) })
  const values = fc.array(fc.nat(20).map(BigInt), { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      action,
      values,
      (rules, by, args) => {
        const syscalls: SeccompSyscall[] = rules
        const seccomp: LinuxSeccomp = { defaultAction: by, syscalls }
        const { kind } = argumentVerdictsOf(seccomp, 'x86_64').of('x86_64', 'ioctl', args)
        if (kind === 'conditional') return true
        const passes = answersOf(seccomp).passes('ioctl', args)
        return passes === (kind === 'allowed' || kind === 'logged')
      }
    )
  )
  t.end()
})
