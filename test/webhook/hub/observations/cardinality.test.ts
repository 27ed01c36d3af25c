import { test } from 'tap'
import {
  createCardinality,
  defaultLimits
} from '../../../../webhook/hub/observations/cardinality.js'

test('one namespace does not use up the profiles of all', (t) => {
  const cardinality = createCardinality({ ...defaultLimits, newProfilesAtOnce: 100_000 })
  let begun = 0
  while (cardinality.admit('a', `evil/p${begun}`, `i${begun}`, 0) === undefined) begun += 1
  t.equal(begun, 16_000, 'four fifths of all')
  t.equal(cardinality.admit('a', 'evil/more', 'x', 0)?.reason, 'too-many-profiles')
  let more = 0
  while (cardinality.admit('a', `worse/p${more}`, `j${more}`, 0) === undefined) more += 1
  t.equal(more, 3200, 'the next one gets as much of the rest')
  t.equal(cardinality.admit('a', 'bank/app', 'y', 0), undefined, 'others go on')
  cardinality.gone('evil/p0')
  cardinality.gone('evil/p0')
  t.equal(cardinality.admit('a', 'evil/more', 'x', 0)?.reason, 'too-many-profiles')
  t.end()
})
