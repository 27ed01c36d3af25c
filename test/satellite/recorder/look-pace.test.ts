import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { createLookPace } from '../../../satellite/recorder/look-pace.js'
import { createLoopTimer } from '../../../satellite/recorder/loop-timer.js'
import { createTurns } from '../../../satellite/lib/turns.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'

test('a look is as often as asked while it costs little, and an eighth as often at worst', (t) => {
  const pace = createLookPace(250)
  t.ok(pace.waitMs(0) <= 0, 'the first at once')
  pace.looked(1000, 1000.5, false)
  t.equal(pace.waitMs(1001), 249)
  pace.looked(3000, 3020, false)
  t.equal(pace.waitMs(3020), 230, 'dear, after a quiet time: what was saved pays for it')
  pace.looked(3250, 3260, false)
  t.ok(pace.waitMs(3260) > 1500, 'the next one does not')
  t.ok(pace.waitMs(3260) < 2000)
  pace.looked(6000, 6900, false)
  t.equal(pace.waitMs(6900), 1100, 'nobody waits longer')
  pace.looked(9000, 9900, true)
  t.equal(pace.waitMs(9900), 0, 'what was left over is next')
  for (let at = 10_000; at < 60_000; at += 2000) pace.looked(at, at + 11, false)
  t.ok(pace.waitMs(58_011) > 1900, 'a busy node: half a percent of a core, and the longest wait')
  pace.looked(200_000, 200_001, false)
  t.equal(pace.waitMs(200_001), 249, 'quiet for long')
  t.end()
})

function timed(work: { intervalMs: number; look?: (nth: number) => Promise<boolean> }) {
  const seen: ('look' | 'glance')[] = []
  const count = (what: 'look' | 'glance') => seen.filter((one) => one === what).length
  const turns = createTurns(createLogger('test', quiet), 'looks')
  const timer = createLoopTimer({
    turns,
    intervalMs: work.intervalMs,
    look: async () => {
      seen.push('look')
      return (await work.look?.(count('look'))) ?? false
    },
    glance: () => void seen.push('glance')
  })
  return { timer, turns, seen, count }
}

test('a failed look does not end the others; none after it was stopped', async (t) => {
  const { timer, turns, seen, count } = timed({
    intervalMs: 2,
    look: (nth) => (nth === 1 ? Promise.reject(new Error('injected')) : Promise.resolve(false))
  })
  timer.start()
  await until('looks', () => (count('look') > 2 ? true : undefined))
  timer.stop()
  await turns.settled()
  const ended = seen.length
  timer.hurry()
  await delay(20)
  t.equal(seen.length, ended)
  t.equal(count('glance'), 0, 'nothing was in a hurry')
})

test('what is in a hurry is glanced at between two looks, once in each interval', async (t) => {
  const { timer, seen, count } = timed({ intervalMs: 200 })
  timer.start()
  const began = performance.now()
  timer.hurry()
  timer.hurry()
  await until('a glance', () => (count('glance') === 1 ? true : undefined))
  t.equal(seen[0], 'glance', 'before the first look')
  timer.hurry()
  timer.hurry()
  await until('another', () => (count('glance') > 1 ? true : undefined))
  t.ok(performance.now() - began >= 195, 'not at once')
  await until('a look after it', () => (count('look') > 1 ? true : undefined))
  t.equal(count('glance'), 2)
  timer.hurry()
  timer.stop()
  await delay(250)
  t.equal(count('glance'), 2, 'none after it was stopped')
})
