import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompArg } from '../../../../src/api/seccomp-profile.js'
import { conditionHolds } from '../../../../src/seccomp/arguments/argument-rules.js'
import { commonValue } from '../../../../src/seccomp/arguments/common-value.js'
import { runs } from '../../../helpers/fuzz.js'
import { callArguments, conditions } from '../../../helpers/random-profile.js'

const top = 2n ** 64n - 1n
const is = (op: SeccompArg['op'], value: number, valueTwo?: number): SeccompArg => ({
  ...{ index: 0, op, value },
  ...(valueTwo === undefined ? {} : { valueTwo })
})

test('conditions on one argument have a common value, or none', (t) => {
  const table: [string, SeccompArg[], bigint | undefined][] = [
    ['none', [], 0n],
    ['an equality within a range', [is('SCMP_CMP_EQ', 38), is('SCMP_CMP_GT', 30)], 38n],
    ['an equality beyond it', [is('SCMP_CMP_EQ', 38), is('SCMP_CMP_LT', 38)], undefined],
    ['another equality', [is('SCMP_CMP_EQ', 38), is('SCMP_CMP_NE', 38)], undefined],
    ['a hole', [is('SCMP_CMP_LE', 1), is('SCMP_CMP_NE', 0)], 1n],
    ['a bit above a limit', [is('SCMP_CMP_MASKED_EQ', 8, 8), is('SCMP_CMP_LT', 8)], undefined],
    ['a bit in a range', [is('SCMP_CMP_MASKED_EQ', 8, 8), is('SCMP_CMP_GT', 15)], 24n],
    [
      'bits that differ',
      [is('SCMP_CMP_MASKED_EQ', 6, 2), is('SCMP_CMP_MASKED_EQ', 3, 1)],
      undefined
    ],
    [
      'a value of 32 bits with more above',
      [is('SCMP_CMP_MASKED_EQ', 0xffffffff, 38), is('SCMP_CMP_NE', 38)],
      38n + 2n ** 32n
    ],
    ['above the highest', [is('SCMP_CMP_GT', Number.MAX_SAFE_INTEGER)], 2n ** 53n]
  ]
  for (const [what, list, expected] of table) t.equal(commonValue(list, top), expected, what)
  t.equal(
    commonValue([is('SCMP_CMP_MASKED_EQ', 0xffffffff, 38), is('SCMP_CMP_NE', 38)], 2n ** 32n - 1n),
    undefined,
    'a register of 32 bits has no more above'
  )
  t.equal(commonValue([is('SCMP_CMP_GT', 0xffffffff)], 2n ** 32n - 1n), undefined)
  t.end()
})

test('a common value is the smallest for which all conditions hold', (t) => {
  fc.assert(
    fc.property(conditions, conditions, callArguments, (left, right, [other = 0n]) => {
      const all = [...left, ...right].map((arg) => ({ ...arg, index: 0 }))
      const found = commonValue(all, top)
      const holdsFor = (value: bigint) => all.every((arg) => conditionHolds(arg, value))
      if (found !== undefined && !holdsFor(found)) return false
      return !holdsFor(other) || (found !== undefined && found <= other)
    }),
    { numRuns: runs(500) }
  )
  t.end()
})
