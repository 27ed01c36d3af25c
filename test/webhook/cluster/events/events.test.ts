import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import type { ApiCall } from '../../../../src/store/kubernetes-call.js'
import { EventRecorder } from '../../../../webhook/cluster/events/events.js'
import { collectLog } from '../../hub/rig.js'

test('a repeated event is written once, and floods are dropped', async (t) => {
  const calls: [string, string][] = []
  let now = Date.parse('2026-11-24T10:00:00Z')
  const call: ApiCall = (method, path) => {
    calls.push([method, path])
    if (calls.length === 1)
      return Promise.reject(new SeccoError('CONFLICT', 'written by another replica'))
    return Promise.resolve({})
  }
  const { logger, lines } = collectLog()
  const recorder = new EventRecorder({ call, instance: 'hub-a', logger, now: () => now })
  const regarding = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' }
  const text = { type: 'Normal', reason: 'ProfileApplied', action: 'Assign', note: 'x' } as const
  for (let i = 0; i < 50; i += 1) recorder.record(regarding, text)
  await recorder.flush()
  t.same(
    calls.map(([method]) => method),
    ['POST', 'PATCH'],
    'the event once, and the series'
  )
  t.same(lines, [], 'a conflict with another replica is not logged')
  now += 700_000
  recorder.record(regarding, text)
  await recorder.flush()
  t.equal(calls.length, 3)
  // The clock moves a minute at each reading, so that the pace never waits.
  const later = () => (now += 60_000)
  const again = new EventRecorder({ call, instance: 'hub-b', logger, now: later })
  again.record(regarding, text)
  await again.flush()
  t.equal(calls[3]?.[1], calls[0]?.[1])
  for (let i = 0; i < 3000; i += 1)
    again.record({ ...regarding, uid: `${i}` }, { ...text, note: `${i}` })
  t.equal(again.dropped(), 1000)
  await again.flush()
  t.equal(calls.length, 4 + 2000, 'all others')
})
