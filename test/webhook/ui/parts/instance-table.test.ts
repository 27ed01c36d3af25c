import { test } from 'tap'
import { entryInstances } from '../../../../src/seccomp/review/counted-instances.js'
import { type Run, runsOf } from '../../../../webhook/ui/model/instances.js'
import { recordedText } from '../../../../webhook/ui/parts/instance-table.js'
import { profile } from '../rig.js'

test('an instance that is not complete may have been recorded from its start', (t) => {
  t.equal(recordedText({ complete: true, lost: 1 }), 'from the first instruction')
  t.equal(recordedText({ complete: false, lost: 3 }), 'not counted exactly')
  t.equal(recordedText({ complete: false }), 'not as a whole')
  t.end()
})

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, '0')}:00.000Z`
const record = (id: string, from: number, to: number, more: Partial<Run> = {}) => ({
  ...{ id, node: 'n1', complete: false, ended: false, firstSeen: at(from), lastSeen: at(to) },
  ...more
})

test('a restart of Secco makes no new run, and the runs are those that the evidence counts', (t) => {
  const instances = [
    record('n1/b+x/1.2.9', 5, 7, { events: ['serve'], lost: 1 }),
    record('n1/b/1.2.3', 0, 4, { complete: true, ended: true, events: ['start'] }),
    record('n1/b/1.2.3.probe', 1, 2, { part: 'probe' }),
    record('n1/b/4.5.6', 8, 9)
  ]
  const runs = runsOf(instances)
  t.same(
    runs.map(({ id, records, firstSeen }) => [id, records, firstSeen]),
    [
      ['n1/b/4.5.6', 1, at(8)],
      ['n1/b+x/1.2.9', 2, at(0)],
      ['n1/b/1.2.3.probe', 1, at(1)]
    ]
  )
  t.match(runs[1], { complete: true, ended: false, lost: 1, events: ['start', 'serve'] })
  const counted = entryInstances({ ...profile, status: { instances } }).length
  t.equal(runs.filter(({ part }) => part !== 'probe').length, counted)
  t.end()
})
