import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { test } from 'tap'
import { sameJson } from '../../../src/lib/same-json.js'

const cases: [what: string, left: unknown, right: unknown, same: boolean][] = [
  ['equal texts', 'a', 'a', true],
  ['an order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ['another value deep inside', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
  ['a missing member and an undefined one', {}, { a: undefined }, false],
  ['an undefined member and another name', { a: undefined }, { b: undefined }, false],
  ['a list and an object', [], {}, false],
  ['null and an object', null, {}, false],
  ['a longer list', [1], [1, 2], false]
]

for (const [what, left, right, same] of cases) {
  test(`${what}: ${same ? 'same' : 'different'}`, (t) => {
    t.equal(sameJson(left, right), same)
    t.equal(sameJson(right, left), same)
    t.end()
  })
}

test('it agrees with the comparison of Node', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (left, right) => {
      const [own, other] = [left, right].map((one): unknown => JSON.parse(JSON.stringify(one)))
      return (
        sameJson(own, JSON.parse(JSON.stringify(own))) &&
        sameJson(own, other) === isDeepStrictEqual(own, other)
      )
    })
  )
  t.end()
})
