import { test } from 'tap'
import { createEndedList, recordedOf } from '../../../satellite/trace/ended-list.js'
import { observationOf } from '../../webhook/hub/rig.js'

test('the newest of what ended, exactly, and how many found no room', (t) => {
  const list = createEndedList(3)
  const given = ['a', 'b', 'c', 'd'].map((id) =>
    recordedOf(observationOf(id, ['read', `own_${id}`], { ended: true }))
  )
  for (const one of given.slice(0, 3)) list.add(one)
  t.equal(list.forgotten(), 0)
  t.same(list.all(), given.slice(0, 3))
  for (const one of given.slice(1)) list.add(one)
  t.same(list.ids(), ['b', 'c', 'd'])
  t.same(list.all(), given.slice(1))
  t.equal(list.forgotten(), 1, 'one that is told of again is not another one')
  const session = recordedOf(observationOf('s', ['read'], { part: 'session' }))
  t.same(session.abis, [], 'what people did in it is not what it needs')
  t.end()
})
