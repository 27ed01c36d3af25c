import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompArg } from '../../../../src/api/seccomp-profile.js'
import {
  intersectConditions,
  subtractConditions,
  withoutCovered
} from '../../../../src/seccomp/arguments/argument-algebra.js'
import type { Conditions } from '../../../../src/seccomp/arguments/argument-rules.js'
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
