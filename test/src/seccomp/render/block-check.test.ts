import fc from 'fast-check'
import { test } from 'tap'
import type {
  LinuxSeccomp,
  SeccompArg,
  SeccompSyscall
} from '../../../../src/api/seccomp-profile.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { parseBlock } from '../../../../src/seccomp/render/block.js'
import { blockCheckOf, type Passing, widest } from '../../../../src/seccomp/render/block-check.js'
import { type BlockedCall, callsDeniedBy } from '../../../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { runs } from '../../../helpers/fuzz.js'
import { callArguments, conditions, overlayOf } from '../../../helpers/random-profile.js'
import { randomProfile, tryRender } from '../../../helpers/random-profile.js'
import { holds } from '../../../helpers/renderings.js'

const rule = (
  name: string,
  args: SeccompArg[] = [],
  action: SeccompSyscall['action'] = 'SCMP_ACT_ALLOW'
): SeccompSyscall => ({ names: [name], action, ...(args.length === 0 ? {} : { args }) })
const is = (op: SeccompArg['op'], value: number, valueTwo?: number, index = 0): SeccompArg => ({
  ...{ index, op, value },
  ...(valueTwo === undefined ? {} : { valueTwo })
})
const family = (value: number) => is('SCMP_CMP_EQ', value)
const denying = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls
})
const on32Bits = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  ...denying(...syscalls),
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']
})
const logging = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_LOG',
  syscalls
})
const noSocketcall = {
  ...{ names: ['socketcall'], action: 'SCMP_ACT_ERRNO' as const },
  errnoRet: 38
}

/** Returns what a filter allows of what a word blocks. */
function passing(seccomp: LinuxSeccomp, what: string): Passing {
  const rules = rulesOf({
    defaultAction: 'SCMP_ACT_KILL_PROCESS',
    syscalls: parseBlock(what).rules
  })
  return widest(callsDeniedBy(rules).map(blockCheckOf(seccomp)))
}

test('a filter allows what is blocked if some such call passes', (t) => {
  const unix = rule('socket', [family(1)])
  const alg = rule('socket', [family(38)])
  const noUser = is('SCMP_CMP_MASKED_EQ', 0x10000000, 0)
  // [what it is about, the filter, what is blocked, the answer]
  const table: [string, LinuxSeccomp, string, Passing][] = [
    ['all arguments', denying(rule('socket')), 'af-alg', 'some'],
    ['no rule', denying(rule('read')), 'af-alg', 'none'],
    ['exactly the blocked value', denying(alg), 'af-alg', 'some'],
    ['another value', denying(unix), 'af-alg', 'none'],
    ['one of several', denying(unix, alg), 'af-alg', 'some'],
    ['all others', denying(rule('socket', [is('SCMP_CMP_NE', 38)])), 'af-alg', 'some'],
    [
      'all others, as the kernel reads the argument',
      denying(rule('socket', [is('SCMP_CMP_LT', 38)]), rule('socket', [is('SCMP_CMP_EQ', 39)])),
      'af-alg',
      'none'
    ],
    [
      'the value with upper bits',
      denying(rule('socket', [family(2 ** 32 + 38)])),
      'af-alg',
      'some'
    ],
    [
      'another argument',
      denying(rule('socket', [is('SCMP_CMP_EQ', 5, undefined, 2)])),
      'af-alg',
      'some'
    ],
    [
      'one of two conditions',
      denying(rule('socket', [family(16), is('SCMP_CMP_EQ', 0, undefined, 2)])),
      'nf_tables',
      'none'
    ],
    ['both conditions', denying(rule('socket', [family(16)])), 'nf_tables', 'some'],
    [
      'a mask that leaves the bit out',
      denying(rule('unshare', [noUser])),
      'user-namespaces',
      'none'
    ],
    [
      'a mask of another bit',
      denying(rule('unshare', [is('SCMP_CMP_MASKED_EQ', 0x20000, 0)])),
      'user-namespaces',
      'some'
    ],
    [
      'a value with the bit',
      denying(rule('unshare', [family(0x10020000)])),
      'user-namespaces',
      'some'
    ],
    ['a value without it', denying(rule('unshare', [family(0x20000)])), 'user-namespaces', 'none'],
    [
      'the call behind a pointer',
      denying(rule('clone', [noUser]), rule('clone3')),
      'user-namespaces',
      'some'
    ],
    [
      'two on one argument are alternatives',
      denying(rule('socket', [family(1), family(38)])),
      'af-alg',
      'some'
    ],
    ['audit', logging(), 'af-alg', 'some'],
    [
      'audit with the block',
      logging(rule('socket', [family(38)], 'SCMP_ACT_ERRNO')),
      'bpf',
      'some'
    ],
    [
      'audit with the block, as it is rendered',
      logging(
        ...['socket', 'socketpair'].map((name) =>
          rule(name, [is('SCMP_CMP_MASKED_EQ', 0xffffffff, 38)], 'SCMP_ACT_ERRNO')
        ),
        rule('socketcall', [], 'SCMP_ACT_ERRNO')
      ),
      'af-alg',
      'none'
    ],
    [
      'audit that denies the value only with upper bits of 0: who can tell',
      logging(
        ...['socket', 'socketpair'].map((name) => rule(name, [family(38)], 'SCMP_ACT_ERRNO')),
        rule('socketcall', [], 'SCMP_ACT_ERRNO')
      ),
      'af-alg',
      'unknown'
    ],
    [
      '32 bits: the lower half',
      on32Bits(rule('socket', [family(2 ** 32 + 38)]), noSocketcall),
      'af-alg',
      'some'
    ],
    ['32 bits: the multiplexer', on32Bits(unix, rule('socketcall')), 'af-alg', 'some'],
    ['32 bits: closed', on32Bits(unix, noSocketcall), 'af-alg', 'none'],
    ['32 bits: libseccomp opens the multiplexer', on32Bits(unix), 'af-alg', 'unknown'],
    ['64 bits: there is no multiplexer', denying(unix, rule('socketcall')), 'af-alg', 'none'],
    ['RuntimeDefault', runtimeDefault(), 'socket:domain=AF_ALG', 'some'],
    ['without 32 bits', runtimeDefault({ machine: 'aarch64' }), 'socket:domain=AF_ALG', 'none'],
    ['socketpair', runtimeDefault({ machine: 'aarch64' }), 'af-alg', 'some'],
    ['RuntimeDefault', runtimeDefault(), 'user-namespaces', 'none'],
    ['RuntimeDefault', runtimeDefault(), 'af-packet', 'some'],
    ['RuntimeDefault', runtimeDefault(), 'bpf', 'none'],
    [
      'RuntimeDefault, its capable variant',
      runtimeDefault({ capabilities: ['CAP_SYS_ADMIN'] }),
      'user-namespaces',
      'some'
    ]
  ]
  for (const [what, seccomp, block, expected] of table)
    t.equal(passing(seccomp, block), expected, `${what}: ${block}`)
  t.end()
})

test('a filter that libseccomp builds otherwise is not called closed', (t) => {
  // differential.test.ts: what libseccomp builds wrongly for one name can count for another.
  const from = (name: string, value: number) => rule(name, [is('SCMP_CMP_GE', value, undefined, 1)])
  const misbuilt = denying(
    ...['process_vm_readv', 'memfd_secret', 'getsid'].map((name) => from(name, 2)),
    rule('memfd_secret', [is('SCMP_CMP_EQ', 2_147_483_647, undefined, 1)]),
    rule('process_vm_readv', [is('SCMP_CMP_LE', 2 ** 50, undefined, 1)], 'SCMP_ACT_KILL_THREAD'),
    from('getpgid', 3)
  )
  const table: [string, Passing][] = [
    ['memfd_secret:1=1', 'unknown'],
    ['getsid:1=1', 'unknown'],
    ['getsid:1=2', 'some'],
    ['getpgid:1=2', 'none']
  ]
  for (const [what, expected] of table) t.equal(passing(misbuilt, what), expected, what)
  t.end()
})

test('no call that a filter allows is called denied', (t) => {
  fc.assert(
    fc.property(
      fc.array(conditions, { maxLength: 3 }),
      fc.array(conditions, { maxLength: 2 }),
      conditions,
      callArguments,
      fc.boolean(),
      (allowed, denied, args, call, isOpen) => {
        const seccomp = (isOpen ? logging : denying)(
          ...allowed.map((one) => rule('socket', one)),
          ...denied.map((one) => rule('socket', one, 'SCMP_ACT_KILL_PROCESS'))
        )
        const blocked: BlockedCall = { name: 'socket', args }
        const isWitness = holds(args, call) && answersOf(seccomp).passes('socket', call)
        return !isWitness || blockCheckOf(seccomp)(blocked) !== 'none'
      }
    ),
    { numRuns: runs(500) }
  )
  t.end()
})

test('a revision that was rendered with a block is closed', (t) => {
  const known = ['socket', 'clone', 'ioctl', 'prctl', 'unshare', 'umount', 'mount', 'shmget']
  fc.assert(
    fc.property(
      randomProfile,
      fc.constantFrom(...known),
      fc.option(conditions),
      fc.constantFrom('audit' as const, 'enforce' as const),
      (profile, name, args, mode) => {
        const blocks: SeccompSyscall[] = [rule(name, args ?? [], 'SCMP_ACT_ERRNO')]
        const rendered = tryRender(profile, mode, overlayOf(blocks))
        if (rendered === undefined) return true
        const seccomp = JSON.parse(rendered.json) as LinuxSeccomp
        const calls = callsDeniedBy(
          rulesOf({ defaultAction: 'SCMP_ACT_KILL_PROCESS', syscalls: blocks })
        )
        return widest(calls.map(blockCheckOf(seccomp))) === 'none'
      }
    ),
    { numRuns: runs(200) }
  )
  t.end()
})
