import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { acceptProfile } from '../../../../src/seccomp/lint/accept.js'
import { forbidden } from '../../../../src/seccomp/lint/lint-finding.js'
import { lintRaw } from '../../../../src/seccomp/lint/lint-raw.js'
import { lintSeccomp } from '../../../../src/seccomp/lint/lint.js'
import { parseDocuments } from '../../../../src/api/parse.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'
import { nothing } from '../../../helpers/seccomp-profiles.js'

test('random documents: no crash, and nothing the lint forbids is accepted', (t) => {
  const random = seededRandom(20_261_124)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const maybe = <T>(chance: number, value: () => T): T | undefined =>
    random() < chance ? value() : undefined
  const words = [
    '',
    'read',
    'nonsense',
    'riscv_hwprobe',
    'exit_group',
    '__proto__',
    '\u0000',
    'SCMP_ACT_ALLOW',
    'a'.repeat(80)
  ]
  const junk = (depth = 0): unknown =>
    pick<() => unknown>([
      () => null,
      () => random() * 1e20,
      () => -1,
      () => pick(words),
      () => true,
      () => (depth > 3 ? [] : [junk(depth + 1), junk(depth + 1)]),
      () =>
        depth > 3
          ? {}
          : {
              [pick(words)]: junk(depth + 1),
              [pick(['spec', 'linux', 'flags', 'names'])]: junk(depth + 1)
            }
    ])()
  const or = (value: () => unknown) => (random() < 0.015 ? junk() : value())
  const actions = [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_LOG',
    'SCMP_ACT_KILL'
  ]
  const name = () => (random() < 0.95 ? pick(knownSyscalls) : pick(words))
  const arg = () => ({
    index: Math.floor(random() * 6),
    value: Math.floor(random() * 99),
    op: pick(['SCMP_CMP_EQ', 'SCMP_CMP_LT', 'SCMP_CMP_NE'])
  })
  const rule = () => ({
    names: or(() => Array.from({ length: 1 + Math.floor(random() * 4) }, name)),
    action: or(() => pick(actions)),
    ...(maybe(0.15, () => ({ args: or(() => [arg()]) })) ?? {}),
    ...(maybe(0.05, () => ({ includes: { caps: ['CAP_SYS_ADMIN'] } })) ?? {}),
    ...(maybe(0.1, () => ({ errnoRet: or(() => pick([1, 38, 5000])) })) ?? {})
  })
  const seccomp = () => ({
    defaultAction: or(() => pick(actions.slice(2))),
    ...(maybe(0.5, () => ({
      architectures: or(() => [pick(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'])])
    })) ?? {}),
    ...(maybe(0.9, () => ({
      syscalls: or(() => Array.from({ length: Math.floor(random() * 4) }, rule))
    })) ?? {}),
    ...(maybe(0.05, () => ({ [pick(['flags', 'listenerPath', 'archMap', 'typo'])]: junk() })) ?? {})
  })
  const document = (): unknown => {
    const shape = random()
    if (shape < 0.05) return junk()
    if (shape < 0.1) return seccomp()
    if (shape < 0.15) return { linux: or(() => ({ seccomp: or(seccomp) })) }
    return {
      apiVersion: or(() => 'secco.dev/v1alpha1'),
      kind: or(() => 'SeccompProfile'),
      metadata: or(() => ({ name: or(() => 'x'), namespace: 'y' })),
      spec: or(() => ({ seccomp: or(seccomp) }))
    }
  }
  const tries = runs(10_000)
  let [accepted, rejected, unrendered] = [0, 0, 0]
  const wrong: string[] = []
  for (let n = 0; n < tries; n += 1) {
    const raw = document()
    const findings = lintRaw(raw)
    try {
      // Each fiftieth goes the whole way through text; YAML takes most of the time.
      const objects =
        n % 50 === 0 ? parseDocuments(JSON.stringify(raw), 'x') : [validateObject(raw, 'x')]
      for (const object of objects) {
        if (object.kind !== 'SeccompProfile') continue
        acceptProfile(object, 'x')
        accepted += 1
        if (forbidden(findings).length > 0)
          wrong.push(`accepted ${JSON.stringify([forbidden(findings), raw])}`)
        if (accepted % 50 !== 0) continue
        try {
          const { seccomp: rendered } = renderProfile(object, { mode: 'enforce', resolve: nothing })
          const found = forbidden(lintSeccomp(rendered))
          if (found.length > 0) wrong.push(`rendered ${JSON.stringify([found, raw])}`)
        } catch (error) {
          if (error instanceof SeccoError) unrendered += 1
          else throw error
        }
      }
    } catch (error) {
      if (error instanceof SeccoError) rejected += 1
      else wrong.push(`crashed ${String(error)} ${JSON.stringify(raw)}`)
    }
  }
  t.same(wrong.slice(0, 3), [])
  t.ok(
    accepted > tries / 10 && rejected > tries / 10,
    `${accepted} accepted, ${rejected} rejected, ${unrendered} not expressible`
  )
  t.end()
})
