import { test } from 'tap'
import { compileFilter, type TrialProfile } from '../../../../native/trial-load.js'
import type { SeccompArg } from '../../../../src/api/seccomp-profile.js'
import type { Abi } from '../../../../src/syscalls/abi.js'
import { mostConditions, withinSize } from '../../../../src/seccomp/filter/filter-size.js'
import type { NormalRule } from '../../../../src/seccomp/policy/normal-form.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'

/** BPF_MAXINSNS, and what runc puts in front of what libseccomp made, generously. */
const room = 4096 - 64

/** Values beyond 32 bits cost the most: both halves are compared. */
const large = 2 ** 40

type Shape = (at: number) => { name: string; args: SeccompArg[] }

const shapes: [string, Shape][] = [
  [
    'one condition, many names',
    (at) => ({
      name: knownSyscalls[at % knownSyscalls.length] ?? '',
      args: [{ index: 0, value: large + at, op: 'SCMP_CMP_EQ' }]
    })
  ],
  [
    'masks on one name',
    (at) => ({
      name: 'socket',
      args: [{ index: 0, value: 2 ** 36 - 1, valueTwo: large + at, op: 'SCMP_CMP_MASKED_EQ' }]
    })
  ],
  [
    'three conditions a rule',
    (at) => ({
      name: knownSyscalls[at % 40] ?? '',
      args: [0, 1, 2].map((index) => ({ index, value: large + at, op: 'SCMP_CMP_EQ' as const }))
    })
  ],
  [
    'masks of three arguments, many names',
    (at) => ({
      name: knownSyscalls[at % knownSyscalls.length] ?? '',
      args: [0, 1, 2].map((index) => ({
        ...{ index, value: 2 ** 45 - 1 - index, valueTwo: large + at },
        op: 'SCMP_CMP_MASKED_EQ' as const
      }))
    })
  ]
]

test('as many conditions as are kept fit into a filter, whatever their form', async (t) => {
  const all = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
  for (const [most, architectures] of [
    [mostConditions.native, all.slice(0, 1)],
    [mostConditions.all, all]
  ] as const) {
    for (const [what, shape] of shapes) {
      const rules: ReturnType<Shape>[] = []
      for (let at = 0, total = 0; ; at += 1) {
        const rule = shape(at)
        total += rule.args.length
        if (total > most) break
        rules.push(rule)
      }
      const named = new Set(rules.map(({ name }) => name))
      const profile: TrialProfile = {
        defaultAction: 'SCMP_ACT_ERRNO',
        architectures,
        syscalls: [
          { names: knownSyscalls.filter((name) => !named.has(name)), action: 'SCMP_ACT_ALLOW' },
          ...rules.map(({ name, args }) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args }))
        ]
      }
      const built = await compileFilter(profile)
      const instructions = (built?.bytes.length ?? Infinity) / 8
      const about = `${what}, ${architectures.length} ABIs, ${most} conditions`
      t.ok(instructions <= room, `${about}: ${instructions} instructions`)
    }
  }
})

test('beyond that, conditions go; never what would widen', (t) => {
  const listed: Abi[] = ['x86_64']
  const rules: NormalRule[] = Array.from({ length: mostConditions.native + 50 }, (_, at) => ({
    name: at % 2 === 0 ? 'socket' : 'ioctl',
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: at, op: 'SCMP_CMP_EQ' }]
  }))
  const { kept, cut } = withinSize(rules, listed)
  t.equal(kept.length, mostConditions.native)
  t.same([...cut].sort(), ['ioctl', 'socket'])
  t.ok(kept.every((rule) => rules.includes(rule)))
  t.end()
})
