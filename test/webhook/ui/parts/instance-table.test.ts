import { test } from 'tap'
import { recordedText } from '../../../../webhook/ui/parts/instance-table.js'

test('an instance that is not complete may have been recorded from its start', (t) => {
  t.equal(recordedText({ complete: true, lost: 1 }), 'from the first instruction')
  t.equal(recordedText({ complete: false, lost: 3 }), 'not counted exactly')
  t.equal(recordedText({ complete: false }), 'not as a whole')
  t.end()
})
