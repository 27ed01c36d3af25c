import { test } from 'tap'
import { createMetInAudit } from '../../../../webhook/confinement/ladder/met-in-audit.js'

test('since when a profile is in audit: forgotten with the profile, or when it leaves', (t) => {
  const clock = { now: 0 }
  const met = createMetInAudit(() => clock.now)
  const look = (profiles: Record<string, string>) => {
    clock.now += 10
    const since = Object.entries(profiles).map(([name, digest]) => met.since(name, digest))
    met.settle()
    return since
  }
  t.same(look({ a: 'one', b: 'one' }), [10, 10])
  t.same(look({ a: 'one', b: 'two' }), [10, 20], 'another revision begins anew')
  t.same(look({ a: 'one' }), [10])
  t.equal(met.size, 1, 'of what is gone nothing is kept')
  t.same(look({ a: 'one', b: 'two' }), [10, 40])
  t.same(look({}), [])
  t.equal(met.size, 0)
  t.end()
})
