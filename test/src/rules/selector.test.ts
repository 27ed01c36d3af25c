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

test('a selector that can select nothing says why', (t) => {
  const of = (...list: [string, 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...string[]][]) => ({
    matchExpressions: list.map(([key, operator, ...values]) => ({
      ...{ key, operator },
      ...(values.length === 0 ? {} : { values })
    }))
  })
  const table: [string, LabelSelector, RegExp | undefined][] = [
    ['a usual one', { matchLabels: { 'x.io/app': 'web_1.2-a', b: '' } }, undefined],
    ['a value with a space', { matchLabels: { app: 'a b' } }, /"a b" is not a label value/],
    ['a long value', { matchLabels: { app: 'a'.repeat(64) } }, /is not a label value/],
    ['a key with a space', { matchLabels: { 'a b': 'x' } }, /"a b" is not a label key/],
    ['two slashes', of(['a/b/c', 'Exists']), /"a\/b\/c" is not a label key/],
    ['one of the values is possible', of(['app', 'In', 'a b', 'c']), undefined],
    [
      'what nobody has is excluded',
      of(['app', 'NotIn', 'a b'], ['a b', 'DoesNotExist']),
      undefined
    ],
    ['two values', of(['app', 'In', 'a'], ['app', 'In', 'b']), /on app exclude each other/],
    ['a value of both lists', of(['app', 'In', 'a', 'b'], ['app', 'In', 'b']), undefined],
    ['in and not in', of(['app', 'In', 'a'], ['app', 'NotIn', 'a']), /exclude each other/],
    ['there and not there', of(['app', 'Exists'], ['app', 'DoesNotExist']), /exclude each other/],
    ['not there, and another value', of(['app', 'DoesNotExist'], ['app', 'NotIn', 'a']), undefined]
  ]
  for (const [what, selector, problem] of table) {
    const { problems, selector: compiled } = compileSelector(selector, 'spec.podSelector')
    if (problem === undefined) t.same(problems, [], what)
    else t.match(problems.join(), problem, what)
    t.equal(compiled.never, problem !== undefined, what)
  }
  t.end()
})
