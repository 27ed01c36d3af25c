import { test } from 'tap'
import type { Instance } from '../../../../src/seccomp/review/evidence-item.js'
import { lossEvidence, type NodeLoss } from '../../../../src/seccomp/review/lost-calls.js'

const at = (time: string) => `2026-01-01T${time}:00Z`
const instance = (more: Partial<Instance> = {}): Instance => ({
  ...{ id: 'node-1/boot/1.2.3', node: 'node-1', complete: true, ended: true },
  ...{ firstSeen: at('12:00'), lastSeen: at('13:00') },
  ...more
})
const gap = (from: string, to: string, name = 'node-1'): NodeLoss => ({
  ...{ name, text: 'calls were missed', gaps: [{ from: at(from), to: at(to) }] }
})
const again = { id: 'node-1/boot+2/1.2.9', complete: false }

const rows: [string, Instance[], NodeLoss[] | undefined, boolean, string][] = [
  [
    'nobody knows',
    [instance({ lost: 2 })],
    undefined,
    false,
    '2 events lost, what its nodes did not record is not known'
  ],
  ['nothing', [instance()], [], true, 'nothing lost'],
  ['what was counted', [instance({ lost: 2 })], [], false, '2 events lost'],
  [
    'a gap while it ran',
    [instance()],
    [gap('12:30', '12:31')],
    false,
    'calls were not recorded; node-1: calls were missed'
  ],
  [
    'a gap before it ran',
    [instance()],
    [gap('11:30', '11:31')],
    true,
    'no loss is known to be of its instances; node-1: calls were missed'
  ],
  [
    'a gap after its end',
    [instance()],
    [gap('14:30', '14:31')],
    true,
    'no loss is known to be of its instances; node-1: calls were missed'
  ],
  [
    'a gap while it still runs',
    [instance({ ended: false })],
    [gap('14:30', '14:31')],
    false,
    'calls were not recorded; node-1: calls were missed'
  ],
  [
    'a gap between two recorders of one container',
    [
      instance({ lastSeen: at('12:20') }),
      instance({ ...again, firstSeen: at('12:40'), lastSeen: at('13:00') })
    ],
    [gap('12:20', '12:40')],
    false,
    'calls were not recorded; node-1: calls were missed'
  ],
  [
    'a gap before its program began, which another recorder saw created',
    [
      instance({ lastSeen: at('12:00'), ended: false }),
      instance({ ...again, complete: true, firstSeen: at('12:40') })
    ],
    [gap('12:20', '12:35')],
    true,
    'no loss is known to be of its instances; node-1: calls were missed'
  ],
  [
    'a gap after its program began, in the time of its second recorder',
    [
      instance({ lastSeen: at('12:00'), ended: false }),
      instance({ ...again, complete: true, firstSeen: at('12:40') })
    ],
    [gap('12:50', '12:55')],
    false,
    'calls were not recorded; node-1: calls were missed'
  ],
  ['a gap of another node', [instance()], [gap('12:30', '12:31', 'node-2')], true, 'nothing lost'],
  [
    'what nobody knows whose it was',
    [instance()],
    [{ name: 'node-1', text: '3 details', gaps: [] }],
    true,
    'no loss is known to be of its instances; node-1: 3 details'
  ]
]

for (const [what, instances, nodes, ok, detail] of rows) {
  test(`lost calls: ${what}`, (t) => {
    t.match(lossEvidence(instances, nodes), { item: 'lost', ok, detail })
    t.end()
  })
}
