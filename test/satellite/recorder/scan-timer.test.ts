import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { ScanInterval } from '../../../satellite/recorder/scan-interval.js'
import { ScanTimer } from '../../../satellite/recorder/scan-timer.js'
import { TaskQueue } from '../../../satellite/lib/task-queue.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'

test('scans are as often as asked while they cost little, and an eighth as often at worst', (t) => {
  const interval = new ScanInterval(250)
  t.ok(interval.waitMs(0) <= 0, 'the first at once')
  interval.scanned(1000, 1000.5, false)
  t.equal(interval.waitMs(1001), 249)
  interval.scanned(3000, 3020, false)
  t.equal(interval.waitMs(3020), 230, 'expensive, after a quiet time: saved time pays for it')
  interval.scanned(3250, 3260, false)
  t.ok(interval.waitMs(3260) > 1500, 'the next one does not')
  t.ok(interval.waitMs(3260) < 2000)
  interval.scanned(6000, 6900, false)
  t.equal(interval.waitMs(6900), 1100, 'the longest wait')
  interval.scanned(9000, 9900, true)
  t.equal(interval.waitMs(9900), 0, 'what is left is next')
  for (let at = 10_000; at < 60_000; at += 2000) interval.scanned(at, at + 11, false)
  t.ok(
    interval.waitMs(58_011) > 1900,
    'a busy node: half a percent of a core, and the longest wait'
  )
  interval.scanned(200_000, 200_001, false)
  t.equal(interval.waitMs(200_001), 249, 'quiet for long')
  t.end()
})

function timed(work: { intervalMs: number; scan?: (nth: number) => Promise<boolean> }) {
  const seen: ('scan' | 'report')[] = []
  const count = (what: 'scan' | 'report') => seen.filter((one) => one === what).length
  const queue = new TaskQueue(createLogger('test', quiet), 'scan failed')
  const timer = new ScanTimer({
    queue,
    intervalMs: work.intervalMs,
    scan: async () => {
      seen.push('scan')
      return (await work.scan?.(count('scan'))) ?? false
    },
    report: () => void seen.push('report')
  })
  return { timer, queue, seen, count }
}

test('a failed scan does not end the others; none follow after stop', async (t) => {
  const { timer, queue, seen, count } = timed({
    intervalMs: 2,
    scan: (nth) => (nth === 1 ? Promise.reject(new Error('injected')) : Promise.resolve(false))
  })
  timer.start()
  await until('scans', () => (count('scan') > 2 ? true : undefined))
  timer.stop()
  await queue.settled()
  const ended = seen.length
  timer.requestReport()
  await delay(20)
  t.equal(seen.length, ended)
  t.equal(count('report'), 0, 'no report was requested')
})

test('a requested report comes between two scans, once in each interval', async (t) => {
  const { timer, seen, count } = timed({ intervalMs: 200 })
  timer.start()
  const began = performance.now()
  timer.requestReport()
  timer.requestReport()
  await until('a report', () => (count('report') === 1 ? true : undefined))
  t.equal(seen[0], 'report', 'before the first scan')
  timer.requestReport()
  timer.requestReport()
  await until('another', () => (count('report') > 1 ? true : undefined))
  t.ok(performance.now() - began >= 195, 'not at once')
  await until('a scan after it', () => (count('scan') > 1 ? true : undefined))
  t.equal(count('report'), 2)
  timer.requestReport()
  timer.stop()
  await delay(250)
  t.equal(count('report'), 2, 'none after it was stopped')
})
