import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { differenceText, kindOfProfile } from '../../../../src/confinement/profile-kind.js'
import { defaultRules, defaultVersions } from '../../../../src/seccomp/policy/gen/known-defaults.js'
import {
  callsThatDiffer,
  differenceFromDefault,
  mostCompared
} from '../../../../src/seccomp/policy/known-defaults.js'
import {
  capabilitiesOfDefault,
  defaultCapabilities,
  runtimeDefault
} from '../../../../src/seccomp/policy/runtime-default.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import {
  askedCapabilities,
  publishedProfile,
  slowDifference
} from '../../../helpers/slow-default-difference.js'

const without = (...names: string[]): LinuxSeccomp => {
  const plain = runtimeDefault()
  const syscalls = (plain.syscalls ?? []).map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => !names.includes(name))
  }))
  return { ...plain, syscalls }
}
const denying = (name: string): LinuxSeccomp => {
  const plain = without(name)
  const rule = { names: [name], action: 'SCMP_ACT_KILL_PROCESS' as const }
  return { ...plain, syscalls: [...(plain.syscalls ?? []), rule] }
}
/** The names that containerd's default got since, which an earlier one did not have. */
const older = without('futex_requeue', 'futex_wait', 'futex_wake', 'map_shadow_stack')
const some = [...(runtimeDefault().syscalls?.[0]?.names ?? [])].slice(0, 20)

test('a profile is RuntimeDefault only with exactly the rules of a published one', (t) => {
  const table: [what: string, LinuxSeccomp, kind: string, difference: string | RegExp][] = [
    ['Docker', runtimeDefault(), 'runtime-default', ''],
    ['on arm64', runtimeDefault({ machine: 'aarch64' }), 'runtime-default', ''],
    ['without capabilities', runtimeDefault({ capabilities: [] }), 'runtime-default', ''],
    [
      'with all capabilities',
      runtimeDefault({ capabilities: capabilitiesOfDefault }),
      'runtime-default',
      ''
    ],
    ['without one call', without('ptrace'), 'like-default', '1 call differs: without ptrace'],
    ['with a call that kills', denying('ptrace'), 'like-default', '1 call differs: without ptrace'],
    [
      'with clone of any flags',
      {
        ...without('clone'),
        syscalls: [
          ...(without('clone').syscalls ?? []),
          { names: ['clone'], action: 'SCMP_ACT_ALLOW' }
        ]
      },
      'like-default',
      /^1 call differs: with other arguments or another answer: clone$/
    ],
    [
      'with another error for what it does not name',
      { ...runtimeDefault(), defaultErrnoRet: 2 },
      'like-default',
      /calls that it does not name get another error$/
    ],
    ['of no version that was published', older, 'like-default', /^\d calls? differs?: /],
    [
      'without 20 calls',
      without(...some),
      'like-default',
      /^20 calls differ: without .* and 16 more$/
    ]
  ]
  for (const [what, seccomp, kind, text] of table) {
    t.equal(kindOfProfile(seccomp), kind, what)
    if (typeof text === 'string') t.equal(differenceText(seccomp), text, what)
    else t.match(differenceText(seccomp), text, what)
  }
  t.end()
})

test('each call that is taken out of RuntimeDefault is a difference, or a capability that is missing', (t) => {
  const ofCapability = new Set(['chroot'])
  const names = (runtimeDefault().syscalls ?? []).flatMap((rule) => rule.names)
  const missed = names
    .filter((_, at) => at % 12 === 0)
    .filter((name) => callsThatDiffer(differenceFromDefault(without(name))) === 0)
  t.same(
    missed.filter((name) => !ofCapability.has(name)),
    []
  )
  t.end()
})

/** A profile some calls away from a version, with some capabilities. */
const nearVersion = fc
  .record({
    nth: fc.nat(1000),
    held: fc.subarray([...askedCapabilities]),
    machine: fc.constantFrom('x86_64', 'aarch64'),
    errnoRet: fc.option(fc.constantFrom(1, 2, 38)),
    less: fc.array(fc.nat(400), { maxLength: 14 }),
    more: fc.array(
      fc.record({
        names: fc.array(fc.constantFrom(...knownSyscalls, 'strange_one', 'strange_two'), {
          minLength: 1,
          maxLength: 4
        }),
        action: fc.constantFrom(
          'SCMP_ACT_ALLOW' as const,
          'SCMP_ACT_ERRNO' as const,
          'SCMP_ACT_KILL_PROCESS' as const
        ),
        args: fc.constantFrom([], [{ index: 0, op: 'SCMP_CMP_EQ' as const, value: 1 }])
      }),
      { maxLength: 8 }
    )
  })
  .map(({ nth, held, machine, errnoRet, less, more }): LinuxSeccomp => {
    const plain = publishedProfile(nth, (cap) => held.includes(cap), machine)
    const kept = (plain.syscalls ?? []).filter((_, at) => !less.includes(at))
    const rules = more.map((rule) => ({
      ...rule,
      args: [...rule.args],
      names: [...new Set(rule.names)]
    }))
    const error = errnoRet === null ? {} : { defaultErrnoRet: errnoRet }
    return { ...plain, ...error, syscalls: [...kept, ...rules] }
  })

test('the nearest default is found as by a comparison with each, as far as it is compared', (t) => {
  let within = 0
  const check = fc.property(nearVersion, (seccomp) => {
    const [fast, slow] = [differenceFromDefault(seccomp), slowDifference(seccomp)]
    if (callsThatDiffer(slow) > mostCompared) return callsThatDiffer(fast) > mostCompared
    within += 1
    return JSON.stringify(fast) === JSON.stringify(slow)
  })
  fc.assert(check, { numRuns: 60 })
  t.ok(within > 10, `${within} of them near a default`)
  t.end()
})

const allowing = (rules: LinuxSeccomp['syscalls']): LinuxSeccomp => {
  const plain = runtimeDefault()
  return { ...plain, syscalls: [...(plain.syscalls ?? []), ...(rules ?? [])] }
}
const invented = (many: number) => Array.from({ length: many }, (_, nth) => `invented_${nth}`)

test('no profile takes long to compare', (t) => {
  const answers = Array.from({ length: 5000 }, (_, value) => ({
    ...{ names: ['read'], action: 'SCMP_ACT_KILL_PROCESS' as const },
    args: [{ index: 0, op: 'SCMP_CMP_EQ' as const, value }]
  }))
  const many = { names: Array.from({ length: 20_000 }, () => 'read') }
  const table: [what: string, LinuxSeccomp, kind: string][] = [
    ['without one call', without('ptrace'), 'like-default'],
    [
      'as many invented names as are compared',
      allowing([{ names: invented(mostCompared), action: 'SCMP_ACT_ALLOW' }]),
      'like-default'
    ],
    [
      'one invented name more',
      allowing([{ names: invented(mostCompared + 1), action: 'SCMP_ACT_ALLOW' }]),
      'other'
    ],
    [
      '60,000 invented names',
      allowing([{ names: invented(60_000), action: 'SCMP_ACT_ALLOW' }]),
      'other'
    ],
    [
      '60,000 invented names that kill',
      allowing([{ names: invented(60_000), action: 'SCMP_ACT_KILL_PROCESS' }]),
      'other'
    ],
    [
      '5,000 answers to one name, and it is allowed as often',
      allowing([...answers, { ...many, action: 'SCMP_ACT_ALLOW' }]),
      'like-default'
    ],
    ['with no name of a default', { ...runtimeDefault(), syscalls: [] }, 'other']
  ]
  // The versions are built once.
  differenceFromDefault(runtimeDefault())
  for (const [what, seccomp, kind] of table) {
    const began = performance.now()
    const found = differenceFromDefault(seccomp)
    const tookMs = performance.now() - began
    t.ok(tookMs < 1500, `${what}: ${Math.round(tookMs)} ms`)
    t.ok(found.with.length + found.otherwise.length < 500, `${what}: a bounded list`)
    t.equal(kindOfProfile(seccomp), kind, what)
  }
  t.end()
})

interface TableRule extends Pick<SeccompSyscall, 'action' | 'args' | 'errnoRet'> {
  caps?: string[]
  without?: string[]
  on?: string
}

/** A version of the table for a container with these capabilities, built as runtimes build it. */
function versionFor(numbers: ReadonlySet<number>, errnoRet: number, caps: readonly string[]) {
  let at = -1
  const syscalls = defaultRules.flatMap(([text, all]): SeccompSyscall[] => {
    const { caps: needed = [], without: lacking = [], on, ...rule } = JSON.parse(text) as TableRule
    const names = all.split(' ').filter(() => numbers.has((at += 1)))
    const isMeant =
      needed.every((cap) => caps.includes(cap)) && !lacking.some((cap) => caps.includes(cap))
    return names.length === 0 || !isMeant || on === 'aarch64' ? [] : [{ ...rule, names }]
  })
  return { defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: errnoRet, syscalls }
}

function* numbersIn(ranges: string): Generator<number> {
  for (const range of ranges.split(' ').filter((one) => one !== '')) {
    const [from = 0, to = from] = range.split('-').map(Number)
    for (let at = from; at <= to; at += 1) yield at
  }
}

test('every version of every runtime is RuntimeDefault, for many capabilities, some and none', (t) => {
  const numbers = new Set<number>()
  const missed: string[] = []
  let [counted, near, last] = [0, 0, '']
  for (const [at, { runtime, errnoRet, added, removed }] of defaultVersions.entries()) {
    if (runtime !== last) numbers.clear()
    last = runtime
    for (const one of numbersIn(removed)) numbers.delete(one)
    for (const one of numbersIn(added)) numbers.add(one)
    const sets: Record<string, readonly string[]> = {
      none: [],
      ...(at % 8 === 0 ? { some: defaultCapabilities, all: capabilitiesOfDefault } : {})
    }
    for (const [what, caps] of Object.entries(sets)) {
      const seccomp = versionFor(numbers, errnoRet, caps)
      const kind = kindOfProfile(seccomp)
      if (kind !== 'runtime-default') missed.push(`${at} ${runtime} ${what}: ${kind}`)
      counted += 1
      const syscalls = seccomp.syscalls.map((rule) => ({
        ...rule,
        names: rule.names.filter((name) => name !== 'read')
      }))
      if (kindOfProfile({ ...seccomp, syscalls }) === 'runtime-default') near += 1
    }
  }
  t.ok(counted > defaultVersions.length, 'all of them, and some with capabilities')
  t.same(missed, [])
  t.equal(near, 0, 'without read none of them is')
  t.end()
})
