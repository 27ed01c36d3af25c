import fc from 'fast-check'
import { test } from 'tap'
import { canonicalJson } from '../../../../src/lib/canonical.js'
import { isAllowed } from '../../../../src/seccomp/filter/denied.js'
import { diffSeccomp, isEmptyDiff } from '../../../../src/seccomp/review/diff.js'
import { mergeObserved } from '../../../../src/seccomp/review/merge.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { parseDocument, serializeDocument } from '../../../../src/api/parse.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import {
  runtimeDefault,
  runtimeDefaultNames
} from '../../../../src/seccomp/policy/runtime-default.js'
import { unionSets } from '../../../../src/syscalls/syscall-set.js'
import { existsOn, knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { answer, enforce, nothing, allowing, profileOf } from '../../../helpers/seccomp-profiles.js'

const passes = (text: string) => text === 'SCMP_ACT_ALLOW' || text === 'SCMP_ACT_LOG'

test('laws', (t) => {
  const name = fc.constantFrom(...knownSyscalls)
  const names = fc.uniqueArray(name, { maxLength: 40 })
  const some = fc.uniqueArray(name, { minLength: 1, maxLength: 20 }).map((list) => list.sort())
  const set = fc.record(
    { x86_64: some, i386: some, x32: some, aarch64: some },
    { requiredKeys: [] }
  )
  const values = [
    0n,
    1n,
    2n,
    8n,
    16n,
    17n,
    38n,
    40n,
    0x10000000n,
    0x02000000n,
    0x40000n,
    0xffffffffn
  ]
  const floor = runtimeDefault()
  const holds = (property: fc.IRawProperty<unknown>, what: string, count = 50) =>
    t.doesNotThrow(
      () => fc.assert(property as fc.IProperty<unknown>, { numRuns: runs(count) }),
      what
    )

  holds(
    fc.property(set, set, set, (a, b, c) => {
      t.same(unionSets(a, b), unionSets(b, a))
      t.same(unionSets(unionSets(a, b), c), unionSets(a, unionSets(b, c)))
      const once = mergeObserved(profileOf({}), a)
      const both = mergeObserved(once, b)
      return (
        mergeObserved(both, a) === both &&
        canonicalJson(mergeObserved(mergeObserved(profileOf({}), b), a)) === canonicalJson(both) &&
        canonicalJson(unionSets(a, both.status?.observed ?? {})) ===
          canonicalJson(both.status?.observed ?? {})
      )
    }),
    'merge is a union: commutative, associative, idempotent, monotone',
    25
  )
  holds(
    fc.property(names, fc.infiniteStream(fc.nat()), (list, noise) => {
      const keyed = list.map((each) => [noise.next().value as number, each] as const)
      const shuffled = keyed.sort((a, b) => a[0] - b[0]).map(([, each]) => each)
      const split = shuffled.map((each) => ({ names: [each], action: 'SCMP_ACT_ALLOW' as const }))
      return (['audit', 'enforce'] as const).every((mode) => {
        const one = renderProfile(allowing(list), { mode, resolve: nothing })
        return one.json === renderProfile(allowing([], split), { mode, resolve: nothing }).json
      })
    }),
    'the same bytes for permuted input'
  )
  holds(
    fc.property(names, (list) => {
      const { seccomp, provenance } = renderProfile(allowing(list), enforce)
      const answers = ['clone3']
      return (
        list.every(
          (each) =>
            answers.includes(each) ||
            (isAllowed(seccomp, each) !== 'SCMP_ACT_ERRNO') === existsOn(['x86_64'], each)
        ) && rulesOf(seccomp).every((rule) => (provenance[rule.name] ?? []).length > 0)
      )
    }),
    'approved is in the rendering if a listed ABI has it, and every name says why'
  )
  holds(
    fc.property(names, fc.constantFrom('audit' as const, 'enforce' as const), (list, mode) => {
      // Those that RuntimeDefault limits by arguments are in every try, or six tries would miss them.
      const approved = new Set([...list, 'socket', 'clone', 'clone3', 'personality'])
      const { seccomp } = renderProfile(allowing([...approved]), { mode, resolve: nothing })
      return knownSyscalls.every((each) =>
        values.every((value) => {
          const got = passes(answer(seccomp, each, [value]))
          const byDefault = passes(answer(floor, each, [value]))
          const beyond = approved.has(each) && !runtimeDefaultNames().has(each) && each !== 'clone3'
          if (mode === 'audit' && byDefault && !got) return false
          return !got || byDefault || beyond
        })
      )
    }),
    'never weaker than RuntimeDefault; audit never stricter',
    2
  )
  holds(
    fc.property(names, set, (list, observed) => {
      const profile = mergeObserved(allowing(list), observed)
      const { seccomp } = renderProfile(profile, enforce)
      const back = parseDocument(serializeDocument(profile), 'x')
      return (
        isEmptyDiff(diffSeccomp(seccomp, seccomp)) && canonicalJson(back) === canonicalJson(profile)
      )
    }),
    'diff(a, a) is empty; parse ∘ serialize is the identity',
    25
  )
  t.end()
})
