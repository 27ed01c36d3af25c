import { test } from 'tap'
import { createAuditTimes } from '../../../../webhook/confinement/ladder/audit-times.js'

test('the time in audit is forgotten when the profile is gone or leaves audit', (t) => {
  const clock = { now: 0 }
  const times = createAuditTimes(() => clock.now)
  const look = (profiles: Record<string, string>) => {
    clock.now += 10
    const since = Object.entries(profiles).map(([name, digest]) => times.since(name, digest))
    times.endScan()
    return since
  }
  t.same(look({ a: 'one', b: 'one' }), [10, 10])
  t.same(look({ a: 'one', b: 'two' }), [10, 20], 'another revision starts again')
  t.same(look({ a: 'one' }), [10])
  t.equal(times.size, 1, 'nothing is kept about a profile that is gone')
  t.same(look({ a: 'one', b: 'two' }), [10, 40])
  t.same(look({}), [])
  t.equal(times.size, 0)
  t.end()
})
