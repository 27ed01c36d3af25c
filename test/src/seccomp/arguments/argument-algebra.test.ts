import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompArg } from '../../../../src/api/seccomp-profile.js'
import { seccompOperators } from '../../../../src/api/seccomp-words.js'
import {
  conditionImplies,
  intersectConditions,
  subtractConditions,
  withoutCovered
} from '../../../../src/seccomp/arguments/argument-algebra.js'
import {
  type Conditions,
  conditionHolds
} from '../../../../src/seccomp/arguments/argument-rules.js'
import { runs } from '../../../helpers/fuzz.js'
import { callArguments, conditions } from '../../../helpers/random-profile.js'
import { holds } from '../../../helpers/renderings.js'

const anyHolds = (alternatives: readonly Conditions[], call: readonly bigint[]) =>
  alternatives.some((args) => holds(args, call))

test('conditions as sets', (t) => {
  const law = (property: fc.IRawProperty<unknown>, what: string) =>
    t.doesNotThrow(() => fc.assert(property as fc.IProperty<unknown>, { numRuns: runs(300) }), what)
  law(
    fc.property(conditions, conditions, callArguments, (left, right, call) => {
      const both = intersectConditions(left, right)
      return (
        both === undefined || anyHolds(both, call) === (holds(left, call) && holds(right, call))
      )
    }),
    'intersection'
  )
  law(
    fc.property(
      fc.array(conditions, { maxLength: 4 }),
      conditions,
      callArguments,
      (from, no, call) => {
        const { left, exact } = subtractConditions(from, no)
        const got = anyHolds(left, call)
        const wanted = anyHolds(from, call) && !holds(no, call)
        // What cannot be expressed is left out, never left in.
        return exact ? got === wanted : !got || wanted
      }
    ),
    'difference'
  )
  law(
    fc.property(fc.array(conditions, { maxLength: 5 }), callArguments, (list, call) => {
      return anyHolds(withoutCovered(list), call) === anyHolds(list, call)
    }),
    'what is covered can go'
  )
  const eq = (value: number, index = 0): SeccompArg => ({ index, op: 'SCMP_CMP_EQ', value })
  t.same(subtractConditions([[]], [eq(7)]).left, [[{ index: 0, op: 'SCMP_CMP_NE', value: 7 }]])
  t.same(subtractConditions([[eq(1)], [eq(2)]], [eq(1)]).left, [[eq(2)]])
  t.same(
    subtractConditions([[]], [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 6, valueTwo: 2 }]).left,
    [
      [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 2, valueTwo: 0 }],
      [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 4, valueTwo: 4 }]
    ],
    'masked and not equal: some bit differs'
  )
  t.end()
})

test('one condition implies another when it holds for no other value', (t) => {
  const ops = seccompOperators.flatMap((op) =>
    [0, 1, 2, 3].flatMap((value) =>
      // A mask with other bits than its own is stored without them.
      (op === 'SCMP_CMP_MASKED_EQ' ? [0, 1, 2, 3] : [0])
        .filter((valueTwo) => op !== 'SCMP_CMP_MASKED_EQ' || (valueTwo & value) === valueTwo)
        .map((valueTwo) => ({ index: 0, op, value, valueTwo }))
    )
  )
  // The last one stands for all that are greater than every number of a rule.
  const values = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 2n ** 64n - 1n]
  const wrong: string[] = []
  for (const inner of ops) {
    for (const outer of ops) {
      const expected = values.every(
        (value) => !conditionHolds(inner, value) || conditionHolds(outer, value)
      )
      const found = conditionImplies([inner], [outer])
      const what = `${inner.op} ${inner.value} → ${outer.op} ${outer.value}`
      const isMask = [inner, outer].some(({ op }) => op === 'SCMP_CMP_MASKED_EQ')
      // Of masks not all is known, which counts as no.
      if (isMask ? found && !expected : found !== expected) wrong.push(what)
      const both = intersectConditions([inner], [outer])
      const isWrong = values.some(
        (value) =>
          both?.some((args) => args.every((arg) => conditionHolds(arg, value))) !==
          (conditionHolds(inner, value) && conditionHolds(outer, value))
      )
      if (both !== undefined && isWrong) wrong.push(`${what}: both`)
    }
  }
  t.same(wrong, [])
  t.end()
})
