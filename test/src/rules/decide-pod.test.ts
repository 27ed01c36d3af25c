import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testRule } from '../../helpers/rules.js'
import { container, pod, toCheckout, checkout } from '../../helpers/decisions.js'

test('pod level: RuntimeDefault where unset, Unconfined only when every container is covered', (t) => {
  const rules = [testRule('web', { ...toCheckout, containers: ['app'] })]
  const snapshot = buildSnapshot({ rules, profiles: [checkout] })
  const two = [container(), container({ name: 'side', index: 1 })]
  t.ok(decide(snapshot, pod()).podRuntimeDefault)
  t.ok(decide(snapshot, pod({ containers: two })).podRuntimeDefault)
  t.notOk(decide(snapshot, pod({ podSeccomp: { type: 'RuntimeDefault' } })).podRuntimeDefault)
  t.ok(decide(snapshot, pod({ podSeccomp: { type: 'Unconfined' } })).podRuntimeDefault)
  t.notOk(
    decide(snapshot, pod({ podSeccomp: { type: 'Unconfined' }, containers: two })).podRuntimeDefault
  )
  t.end()
})
