import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { createLookPace } from '../../satellite/look-pace.js'
import { createLoopTimer } from '../../satellite/loop-timer.js'
import { createTurns } from '../../satellite/turns.js'
import { createLogger } from '../../src/log.js'
import { quiet } from '../helpers/quiet.js'
import { until } from '../helpers/until.js'

test('a look is as often as asked while it costs little, and an eighth as often at worst', (t) => {
  const pace = createLookPace(250)
  t.ok(pace.isDue(0), 'the first at once')
  pace.looked(1000, 1001, false)
  t.same([pace.isDue(1249), pace.isDue(1250)], [false, true])
  pace.looked(2000, 2006, false)
  t.same([pace.isDue(2599), pace.isDue(2600)], [false, true], 'a hundred times what it cost')
  pace.looked(3000, 3900, false)
  t.same([pace.isDue(4999), pace.isDue(5000)], [false, true], 'nobody waits longer')
  pace.looked(6000, 6900, true)
  t.ok(pace.isDue(6900), 'what was left over is next')
  t.end()
})

test('between two looks there are glances; a failed look does not end the others', async (t) => {
  const seen: string[] = []
  const turns = createTurns(createLogger('test', quiet), 'looks')
  const timer = createLoopTimer({
    turns,
    intervalMs: 2,
    look: async () => {
      seen.push('look')
      if (seen.length === 1) throw new Error('injected')
      // Dear enough to be followed by a wait of eight intervals.
      const began = performance.now()
      while (performance.now() - began < 1) await setImmediate()
      return false
    },
    glance: () => void seen.push('glance')
  })
  timer.start()
  const looks = () => seen.filter((one) => one === 'look').length
  await until('looks and glances', () =>
    looks() > 2 && seen.includes('glance') ? true : undefined
  )
  timer.stop()
  await turns.settled()
  const ended = seen.length
  for (let turn = 0; turn < 5; turn += 1) await setImmediate()
  t.equal(seen.length, ended, 'none after it was stopped')
})
