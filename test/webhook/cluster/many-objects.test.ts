import { test } from 'tap'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { applyManyObjects } from '../../helpers/many-objects.js'

const found = await findApiServer()
const skip = found.skip ?? false

// Times and requests are measured by `npm run bench -- many-objects`: a slow machine has more conflicts and lists.
test('objects that are applied at once cost few writes each', {
  skip,
  timeout: 600_000
}, async (t) => {
  if (found.programs === undefined) return
  const { mostStatusWrites, busiest, written } = await applyManyObjects(found.programs, {
    profiles: 30,
    rules: 10
  })
  // Not ready, then ready.
  const what = `${mostStatusWrites} writes of the status of ${busiest}`
  t.ok(mostStatusWrites <= 2, `${what}: ${written.join('; then ')}`)
})
