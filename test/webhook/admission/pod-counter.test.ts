import { test } from 'tap'
import { createPodCounters } from '../../../webhook/admission/pod-counter.js'
import { isCanary } from '../../../src/rules/canary.js'

test('callers do not move the counters of others', (t) => {
  const turnsOf = createPodCounters()
  t.same(
    [
      turnsOf('10.0.0.1').of('web', undefined),
      turnsOf('10.0.0.2').of('web', undefined),
      turnsOf('10.0.0.1').of('web', undefined)
    ],
    [0, 0, 1]
  )
  t.same(
    [turnsOf('2001:db8::1').of('web', undefined), turnsOf('2001:db8::2').of('web', undefined)],
    [0, 1],
    'one network'
  )
  t.end()
})

test('many callers do not give each pod of the API server the canary', (t) => {
  const turnsOf = createPodCounters()
  const pods = 2000
  let canaries = 0
  for (let pod = 0; pod < pods; pod += 1) {
    for (let n = 0; n < 16; n += 1) turnsOf(`10.0.1.${n}`).of('web', undefined)
    if (isCanary({ name: '', owner: '', turn: turnsOf('10.0.0.1').of('web', undefined) }, 10))
      canaries += 1
  }
  t.ok(canaries < pods / 5, `${canaries} of ${pods} pods at 10 %`)
  t.end()
})
