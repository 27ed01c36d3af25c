import { test } from 'tap'
import { mergeLadders } from '../../../../cli/hubs/merge/ladder.js'
import { ladder } from '../../../helpers/hub-answers.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('where a workload stands, by all hubs', (t) => {
  const not = { mode: 'enforce' as const, ready: false, reasons: ['bpf was denied'] }
  t.strictSame(mergeLadders(ladder(2), []), ladder(2))
  matchLists(t, mergeLadders(ladder(2), [ladder(1, { next: not })]), {
    ...{ running: 3, next: not },
    evidence: [
      '3 instances observed',
      '2 containers running',
      '1 containers running (satellites of another hub)'
    ]
  })
  const canary = (denials: number) =>
    ({ percent: 10, containers: 1, others: 2, denials, restarts: 0, verdict: 'quiet' }) as never
  t.match(mergeLadders(ladder(2, { canary: canary(0) }), [ladder(1, { canary: canary(3) })]), {
    canary: { percent: 10, containers: 2, others: 4, denials: 3, verdict: 'quiet' }
  })
  t.end()
})
