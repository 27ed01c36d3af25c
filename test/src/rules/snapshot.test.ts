import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { toCheckout, web } from '../../helpers/decisions.js'

test('a snapshot reports what it cannot use', (t) => {
  const { problems } = buildSnapshot({
    rules: [
      testRule('a', web),
      testRule('b', { ...toCheckout, namespaceSelector: {} }, 'shop'),
      testRule('c', {
        ...toCheckout,
        podSelector: { matchExpressions: [{ key: 'k', operator: 'In' }] }
      })
    ],
    profiles: [testProfile('shop', 'x', { enforce: testRevision('shop', 'y', 'a') })]
  })
  t.strictSame(problems.map((p) => p.rule).sort(), [
    'secco-system/a',
    'secco-system/c',
    'shop/b',
    'shop/x'
  ])
  t.end()
})
