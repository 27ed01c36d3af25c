import { test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { admit } from '../../../webhook/admission/admit.js'
import { decisionLine } from '../../../webhook/admission/decision-log.js'
import { realisticReview } from '../../helpers/review.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { profiles, snapshot, web } from '../../helpers/reviews.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { matchLists } from '../../helpers/match-lists.js'

const wide = { ...testRevision('shop', 'lax.app', 'd'), withinDefault: false }

test('the audit line', (t) => {
  const review = realisticReview()
  const lines: string[] = []
  const logger = createLogger('webhook', { write: (line) => lines.push(line) })
  logger.info(decisionLine(admit(snapshot, review), 1.23456, false), 'admission decision')
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  t.strictSame(Object.keys(line).sort(), [
    'component',
    'containers',
    'decision',
    'dryRun',
    'durationMs',
    'level',
    'mode',
    'msg',
    'namespace',
    'owner',
    'pod',
    'profile',
    'proven',
    'reason',
    'revision',
    'rule',
    'time',
    'uid',
    'user'
  ])
  t.match(line, {
    level: 'info',
    component: 'webhook',
    owner: 'Deployment/checkout',
    user: 'system:serviceaccount:kube-system:replicaset-controller',
    pod: 'web-1',
    decision: 'patched',
    rule: 'secco-system/web',
    profile: 'shop/checkout.app',
    mode: 'enforce',
    proven: false,
    durationMs: 1.235
  })
  const loosening = buildSnapshot({
    rules: [
      testRule('web', web),
      testRule('lax', { ...web, profile: { name: 'lax.app' } }, 'shop')
    ],
    profiles: [...profiles, testProfile('shop', 'lax.app', { enforce: wide })]
  })
  matchLists(
    t,
    decisionLine(admit(loosening, review), 0, true).containers[0],
    { rule: 'secco-system/web', loosening: ['shop/lax'] },
    'a rule that was ignored is named'
  )
  t.notMatch(lines[0], /SETTING_|value-of-setting/, 'no environment')
  t.end()
})
