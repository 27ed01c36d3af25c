import fc from 'fast-check'
import { test } from 'tap'
import type { LearnedArgument } from '../../../../src/api/evidence-schema.js'
import { abis } from '../../../../src/syscalls/abi.js'
import { fromBitmap, toBitmap, unionBitmaps } from '../../../../src/syscalls/bitmap.js'
import { learnedValues } from '../../../../src/seccomp/arguments/learned-arguments.js'
import { mergeArguments, sameArguments } from '../../../../src/seccomp/arguments/merge-arguments.js'
import { syscallName } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'

test('bitmaps and learned arguments', (t) => {
  const abi = fc.constantFrom(...abis)
  fc.assert(
    fc.property(abi, fc.array(fc.nat(600)), fc.array(fc.nat(600)), (one, some, others) => {
      const namesOf = (numbers: number[]) =>
        [...new Set(numbers.map((nr) => syscallName(one, nr)))].sort()
      const [left, right] = [toBitmap(one, namesOf(some)), toBitmap(one, namesOf(others))]
      t.same(fromBitmap(one, left), namesOf(some))
      t.equal(unionBitmaps(left, right), toBitmap(one, namesOf([...some, ...others])))
      t.equal(unionBitmaps(right, left), unionBitmaps(left, right))
    }),
    { numRuns: runs(20) }
  )
  t.equal(toBitmap('x86_64', ['read', 'write', 'no_such_call', 'syscall_9999']), 'Aw==')
  t.equal(toBitmap('x86_64', []), '')
  t.same(fromBitmap('x86_64', 'not base64 at all'.repeat(200)).length > 0, true, 'bounded')

  const argument = fc.record({
    abi,
    name: fc.constantFrom('socket', 'prctl'),
    index: fc.nat(1),
    values: fc.array(fc.nat(40).map(String), { maxLength: 24 }),
    many: fc.constantFrom(undefined, true)
  })
  const list = fc.array(
    argument.map(
      ({ many, ...one }): LearnedArgument => (many === undefined ? one : { ...one, many })
    ),
    { maxLength: 8 }
  )
  fc.assert(
    fc.property(list, list, list, (a, b, c) => {
      const all = mergeArguments(a, b, c)
      t.same(mergeArguments(mergeArguments(b, c), a), all, 'associative and commutative')
      t.same(mergeArguments(all, all, c), all, 'idempotent')
      t.ok(sameArguments(all, mergeArguments(c, b, a)))
      for (const { values, many } of all) {
        t.ok(values.length <= learnedValues && (many !== true || values.length === 0))
        t.same(
          values,
          [...new Set(values)].sort((x, y) => Number(x) - Number(y))
        )
      }
    }),
    { numRuns: runs(20) }
  )
  const plenty = Array.from({ length: learnedValues + 1 }, (_, value) => String(value))
  const one = { abi: 'x86_64' as const, name: 'ioctl', index: 1 }
  t.same(mergeArguments([{ ...one, values: plenty }]), [{ ...one, values: [], many: true }])
  t.end()
})
