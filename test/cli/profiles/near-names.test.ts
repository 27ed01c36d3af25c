import { test } from 'tap'
import { nearNames } from '../../../cli/profiles/near-names.js'

test('names that a person may have meant', (t) => {
  const known = ['shop/checkout.app', 'shop/cart.app', 'prod/chekout.app', 'shop/checkout.app']
  // [given, expected]
  const table: [string, string[]][] = [
    ['shop/chekout.app', ['prod/chekout.app', 'shop/checkout.app']],
    ['shop/checkout', ['shop/checkout.app']],
    ['shop/cart.app', []],
    ['other/cart.app', ['shop/cart.app']],
    ['shop/zzzzzzzz', []]
  ]
  for (const [given, expected] of table) t.strictSame(nearNames(given, known), expected, given)
  t.end()
})
