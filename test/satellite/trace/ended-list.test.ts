import { test } from 'tap'
import { EndedList, recordedOf } from '../../../satellite/trace/ended-list.js'
import { observationOf } from '../../webhook/hub/rig.js'

test('keeps the newest ended observations unchanged, and counts those without room', (t) => {
  const list = new EndedList(3)
  const given = ['a', 'b', 'c', 'd'].map((id) =>
    recordedOf(observationOf(id, ['read', `own_${id}`], { ended: true }))
  )
  for (const one of given.slice(0, 3)) list.add(one)
  t.equal(list.forgotten(), 0)
  t.same(list.all(), given.slice(0, 3))
  for (const one of given.slice(1)) list.add(one)
  t.same(list.ids(), ['b', 'c', 'd'])
  t.same(list.all(), given.slice(1))
  t.equal(list.forgotten(), 1, 'one that is reported again is not another one')
  const session = recordedOf(observationOf('s', ['read'], { part: 'session' }))
  t.same(session.abis, [], 'calls of people are not learned')
  t.end()
})
