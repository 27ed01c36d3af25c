import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { limitWarnings } from '../../../webhook/admission/respond.js'
import { testPod, testReview } from '../../helpers/review.js'
import { testRule } from '../../helpers/rules.js'
import { patchOf, web, labels, snapshot } from '../../helpers/reviews.js'

test('the answer', (t) => {
  const { response } = admit(snapshot, testReview(testPod({ labels }))).response
  t.equal(response.uid, '0df28fbd-5f5f-11e8-bc74-36e6bb280816')
  t.equal(response.patchType, 'JSONPatch')
  t.matchOnly(response.auditAnnotations, {
    decision: 'patched',
    reason: 'ready',
    rule: 'secco-system/web',
    profile: 'shop/checkout.app',
    revision: /^sha256:/
  })
  t.ok(
    Object.keys(response.auditAnnotations ?? {}).every((key) => !key.includes('/')),
    'no prefix'
  )
  const none = admit(snapshot, testReview(testPod())).response.response
  t.notOk('patchType' in none || 'patch' in none, 'neither without the other')
  t.strictSame(
    patchOf(snapshot, testReview(testPod({ labels }), { dryRun: true })),
    patchOf(snapshot, testReview(testPod({ labels }))),
    'a dry run gets the same'
  )
  const deny = buildSnapshot({ rules: [testRule('web', { ...web, whenNotReady: 'Deny' })] })
  const denied = admit(deny, testReview(testPod({ labels }))).response.response
  t.match(denied, { allowed: false, status: { code: 403, message: /whenNotReady: Deny/ } })
  t.notOk('patch' in denied)
  t.end()
})

test('warnings are short and printable', (t) => {
  const limited = limitWarnings(Array.from({ length: 100 }, (_, i) => `${i} é\n${'x'.repeat(300)}`))
  t.ok(limited.every((warning) => warning.length <= 256 && /^[\x20-\x7e]*$/.test(warning)))
  t.ok(limited.join('').length <= 4096)
  t.match(limited.at(-1), /more; see the webhook's log/)
  t.end()
})
