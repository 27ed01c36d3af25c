import { test } from 'tap'
import type { LabelSelector } from '../../../src/api/seccomp-rule.js'
import { compileSelector, selectorMatches } from '../../../src/rules/selector.js'

test('label selectors', (t) => {
  const expression = (
    key: string,
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
    values?: string[]
  ): LabelSelector => ({
    matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }]
  })
  const table: [string, LabelSelector | undefined, Record<string, string>, boolean][] = [
    ['absent selects all', undefined, {}, true],
    ['empty selects all', {}, { a: '1' }, true],
    ['matchLabels', { matchLabels: { a: '1' } }, { a: '1', b: '2' }, true],
    ['matchLabels, other value', { matchLabels: { a: '1' } }, { a: '2' }, false],
    ['matchLabels, empty value', { matchLabels: { a: '' } }, { a: '' }, true],
    ['In', expression('a', 'In', ['1', '2']), { a: '2' }, true],
    ['In, key absent', expression('a', 'In', ['1']), {}, false],
    ['NotIn', expression('a', 'NotIn', ['1']), { a: '2' }, true],
    ['NotIn holds without the key', expression('a', 'NotIn', ['1']), {}, true],
    ['NotIn, listed', expression('a', 'NotIn', ['1']), { a: '1' }, false],
    ['Exists', expression('a', 'Exists'), { a: '' }, true],
    ['Exists is about own labels', expression('constructor', 'Exists'), {}, false],
    ['a label named constructor', expression('constructor', 'Exists'), { constructor: 'x' }, true],
    ['DoesNotExist', expression('toString', 'DoesNotExist'), {}, true],
    ['invalid: In without values', expression('a', 'In'), { a: '1' }, false],
    ['invalid: Exists with values', expression('a', 'Exists', ['1']), { a: '1' }, false]
  ]
  for (const [name, selector, labels, expected] of table) {
    t.equal(selectorMatches(compileSelector(selector, 'spec').selector, labels), expected, name)
  }
  t.strictSame(compileSelector(expression('a', 'In'), 'spec.podSelector').problems, [
    'spec.podSelector.matchExpressions[0].values: must not be empty for In'
  ])
  t.end()
})
