import { test } from 'tap'
import { NodeStatus } from '../../../../src/api/gen/hub.js'
import { gapsOfNode } from '../../../../webhook/hub/nodes/node-gaps.js'

test('the gaps of a node are checked once for each report', (t) => {
  const gap = { from: '2026-11-28T12:01:03.250Z', to: '2026-11-28T12:01:40.001Z' }
  const now = Date.parse('2026-11-28T12:02:00Z')
  const status = NodeStatus.fromPartial({ gaps: [gap, { from: gap.to, to: 'never' }] })
  t.strictSame(gapsOfNode(status, now), [gap])
  t.equal(gapsOfNode(status, now), gapsOfNode(status, now))
  t.strictSame(gapsOfNode(undefined, now), [])
  t.end()
})
