import { test } from 'tap'
import { Observation } from '../../../../src/api/gen/hub.js'
import { memoryOf } from '../../../../webhook/hub/observations/memory-of.js'

test('an empty member of a list counts as the object that it becomes', (t) => {
  const sizes = [0, 1, 1000].map((count) => {
    const list = Array.from({ length: count }, () => ({}))
    return [
      { arguments: list },
      { denied: list },
      { abis: [{ syscalls: list }] },
      { startup: list },
      { events: list.map(() => '') },
      { unproven: [{ names: list.map(() => '') }] }
    ].map((parts) => memoryOf(Observation.fromPartial(parts)))
  })
  const [none = [], one = [], many = []] = sizes
  for (const [at, bytes] of many.entries()) {
    t.ok((one[at] ?? 0) > (none[at] ?? 0), `${at}: one`)
    t.ok(bytes >= 100_000, `${at}: ${bytes} bytes for a thousand`)
  }
  t.end()
})
