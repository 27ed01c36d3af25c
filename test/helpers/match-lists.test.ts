import { Test, test } from 'tap'
import { matchLists } from './match-lists.js'

const drift = { kind: 'Unconfined', since: 'now' }

/** [what, found, pattern, whether it matches]. */
const table: [string, unknown, unknown, boolean][] = [
  ['members of objects may be more', [drift], [{ kind: 'Unconfined' }], true],
  ['an item too many', [drift, drift], [{ kind: 'Unconfined' }], false],
  ['an item where none may be', { drift: [drift] }, { drift: [] }, false],
  ['an item too many, deep', [{ at: { list: [1, 2] } }], [{ at: { list: [1] } }], false],
  ['an item too few', [], [drift], false],
  ['a regular expression for an item', ['one two'], [/two$/], true],
  ['a list that is named by its length only', { list: [1, 2] }, { list: { length: 2 } }, true],
  ['a pattern of another kind', { list: 'one' }, { list: ['one'] }, false]
]

test('lists have no more items than their pattern', (t) => {
  for (const [what, found, pattern, isMatch] of table) {
    const inner = new Test({ name: what })
    matchLists(inner, found, pattern)
    t.equal(inner.passing(), isMatch, what)
  }
  t.end()
})
