import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { toCheckout, web } from '../../helpers/decisions.js'

test('a snapshot reports what it cannot use', (t) => {
  const { problems, profiles } = buildSnapshot({
    rules: [
      testRule('a', web),
      testRule('b', { ...toCheckout, namespaceSelector: {} }, 'shop'),
      testRule('c', {
        ...toCheckout,
        podSelector: { matchExpressions: [{ key: 'k', operator: 'In' }] }
      })
    ],
    profiles: [
      testProfile('shop', 'x', { enforce: testRevision('shop', 'y', 'a') }),
      testProfile('shop', 'ladder', {
        ladder: { mode: 'enforce', revision: testRevision('shop', 'y', 'a') }
      }),
      testProfile('shop', 'canary', {
        ladder: {
          mode: 'audit',
          canary: {
            percent: 1,
            from: { mode: 'enforce', revision: testRevision('shop', 'y', 'a') }
          }
        }
      })
    ]
  })
  t.ok(
    [...profiles.values()].every(({ ladder }) => ladder === undefined),
    'a ladder with a path of another profile is not used'
  )
  t.strictSame(problems.map((p) => p.rule).sort(), [
    'secco-system/a',
    'secco-system/c',
    'shop/b',
    'shop/canary',
    'shop/ladder',
    'shop/x'
  ])
  t.end()
})
