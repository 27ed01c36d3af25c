import { test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { admit } from '../../../webhook/admission/admit.js'
import { decisionLine } from '../../../webhook/admission/decision-log.js'
import { realisticReview } from '../../helpers/review.js'
import { snapshot } from '../../helpers/reviews.js'

test('the audit line', (t) => {
  const review = realisticReview()
  const lines: string[] = []
  const logger = createLogger('webhook', { write: (line) => lines.push(line) })
  logger.info(decisionLine(admit(snapshot, review), 1.23456), 'admission decision')
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
    pod: 'web-1',
    decision: 'patched',
    rule: 'secco-system/web',
    profile: 'shop/checkout.app',
    mode: 'enforce',
    durationMs: 1.235
  })
  t.notMatch(lines[0], /SETTING_|value-of-setting/, 'no environment')
  t.end()
})
