import fc from 'fast-check'
import type { SeccompArg, SeccompProfile, SeccompSyscall } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import { renderProfile, type Rendering } from '../../src/seccomp/render/render.js'
import { knownSyscalls } from '../../src/syscalls/syscall-table.js'

const name = fc.constantFrom(...knownSyscalls)
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 30 })
const value = fc.oneof(fc.nat(64), fc.constantFrom(0x10000000, 0x7e020000, 0xffffffff, 21505))

/** One condition on one argument. */
const condition = (index: fc.Arbitrary<number>): fc.Arbitrary<SeccompArg> =>
  fc.oneof(
    fc.record({
      index,
      value,
      op: fc.constantFrom(
        'SCMP_CMP_NE' as const,
        'SCMP_CMP_LT' as const,
        'SCMP_CMP_LE' as const,
        'SCMP_CMP_EQ' as const,
        'SCMP_CMP_GE' as const,
        'SCMP_CMP_GT' as const
      )
    }),
    fc.record({ index, value, bits: value }).map(({ index: at, value: mask, bits }) => ({
      index: at,
      op: 'SCMP_CMP_MASKED_EQ' as const,
      value: mask,
      valueTwo: Number(BigInt(mask) & BigInt(bits))
    }))
  )

/** Conditions that must all hold, one on each argument at most. */
export const conditions = fc.uniqueArray(condition(fc.nat(2)), {
  minLength: 1,
  maxLength: 3,
  selector: (arg) => arg.index
})

const allow = fc.record({ names, action: fc.constant('SCMP_ACT_ALLOW' as const) })
const some: fc.Arbitrary<SeccompSyscall> = fc.record({
  names: fc.uniqueArray(fc.oneof(fc.constantFrom('socket', 'ioctl', 'prctl', 'clone'), name), {
    minLength: 1,
    maxLength: 3
  }),
  action: fc.constant('SCMP_ACT_ALLOW' as const),
  args: conditions
})
const deny: fc.Arbitrary<SeccompSyscall> = fc.record({
  names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
  action: fc.constantFrom('SCMP_ACT_ERRNO' as const, 'SCMP_ACT_KILL_PROCESS' as const),
  errnoRet: fc.constantFrom(1, 13, 97)
})

/** A profile that people might have written: names, arguments, denials, a default. */
export const randomProfile: fc.Arbitrary<SeccompProfile> = fc
  .record({
    rules: fc.tuple(
      fc.array(allow, { maxLength: 3 }),
      fc.array(some, { maxLength: 4 }),
      fc.array(deny, { maxLength: 2 })
    ),
    defaultAction: fc.constantFrom(
      'SCMP_ACT_ERRNO' as const,
      'SCMP_ACT_ERRNO' as const,
      'SCMP_ACT_KILL_PROCESS' as const
    )
  })
  .map(({ rules, defaultAction }) => ({
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'random' },
    spec: { seccomp: { defaultAction, syscalls: rules.flat() } }
  }))

/** Emergency rules: whole names and conditions. */
export const randomDenials: fc.Arbitrary<SeccompSyscall[]> = fc.array(
  fc.oneof(
    fc.record({ names, action: fc.constant('SCMP_ACT_ERRNO' as const) }),
    fc.record({
      names: fc
        .constantFrom('socket', 'clone unshare', 'ioctl', 'prctl read')
        .map((list) => list.split(' ')),
      action: fc.constantFrom('SCMP_ACT_ERRNO' as const, 'SCMP_ACT_KILL_PROCESS' as const),
      args: conditions
    })
  ),
  { maxLength: 3 }
)

/** A call's first three arguments. */
export const callArguments = fc.tuple(
  ...[0, 1, 2].map(() =>
    fc.oneof(
      fc.bigInt(0n, 70n),
      fc.constantFrom(
        0x10000000n,
        0x7e020000n,
        0xffffffffn,
        21505n,
        38n + 2n ** 32n,
        2n ** 64n - 1n
      )
    )
  )
)

/** An emergency overlay with these rules, where a rendering looks for it. */
export function overlayOf(syscalls: SeccompSyscall[]): Resolve {
  const emergency: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'secco-system', name: 'emergency' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } }
  }
  return (namespace, name) =>
    namespace === 'secco-system' && name === 'emergency' ? emergency : undefined
}

/** A rendering, or undefined for a denial that runtimes cannot express. */
export function tryRender(
  profile: SeccompProfile,
  mode: 'audit' | 'enforce',
  resolve: Resolve = () => undefined
): Rendering | undefined {
  try {
    return renderProfile(profile, { mode, resolve })
  } catch (error) {
    if (error instanceof SeccoError && error.code === 'INVALID_DOCUMENT') return undefined
    throw error
  }
}
