import { test } from 'tap'
import { emptyHistory, type WorkloadHistory } from '../../../../src/history/workload-history.js'
import { createLogger } from '../../../../src/lib/log.js'
import { HeardTimes } from '../../../../webhook/hub/history/heard-times.js'
import { HistoryRecorder } from '../../../../webhook/hub/history/history-recorder.js'
import { withNewestDenials } from '../../../../webhook/hub/history/observed-history.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { quiet } from '../../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../rig.js'
import { memoryStore } from './memory-store.js'

const workload = { namespace: 'default', kind: 'Container', name: 'web', container: '' }
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
const logger = createLogger('test', quiet)
const second = (at: number) => new Date(Date.UTC(2026, 10, 24, 10, 0, at)).toISOString()

/** Returns a hub, and what `count` reports of one container after each other cost: reads and writes of its history. */
async function reportedBy(
  aheadSeconds: number,
  isEnded: boolean,
  count: number,
  { memory = memoryStore(), begin = 5 } = {}
) {
  const { store, read, written } = memory
  let now = begin
  const recorder = new HistoryRecorder({
    ...{ store, timing, logger },
    now: () => Date.parse(second(now))
  })
  await recorder.load()
  const at = (seconds: number) => second(aheadSeconds + seconds)
  const detail = {
    ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'app', expected: false },
    ...{ at: at(1), firstAt: at(1), succeeded: 0, arguments: '' }
  }
  const observation = observationOf('n1/boot/40265.7.1', ['read'], {
    ...{ complete: true, firstSeen: at(0), lastSeen: at(2) },
    denied: [{ name: 'getsid', count: 1, action: 'SCMP_ACT_ERRNO', detail }],
    ...(isEnded && { ended: true, endedAt: at(3) })
  })
  const finding = readObservation(observation, 'n1', nodeStatus)
  if (typeof finding === 'string') throw new Error(finding)
  const costs: string[] = []
  for (let nth = 0; nth < count; nth += 1) {
    now = begin + nth * 15
    const before = [read.length, written.length] as const
    await recorder.observed('n1', observation, finding)
    costs.push(`${read.length - before[0]} ${written.length - before[1]}`)
  }
  return { recorder, costs, memory, denials: finding.denials }
}

test('a report that is repeated costs no read and no write, whatever the clock of its node', async (t) => {
  // Some of the reports come when the hub's own clock has passed the times in them.
  for (const ahead of [-300, 0, 30, 59, 61, 90, 300])
    for (const isEnded of [false, true]) {
      const { recorder, costs } = await reportedBy(ahead, isEnded, 10)
      t.teardown(() => recorder.close())
      const expected = ['1 1', ...Array.from({ length: 9 }, () => '0 0')]
      t.same(costs, expected, `${ahead} s ahead${isEnded ? ', ended' : ''}`)
    }
})

test('what happened on a node whose clock is ahead happened when the hub heard of it first', async (t) => {
  const { recorder, denials } = await reportedBy(300, true, 4)
  t.teardown(() => recorder.close())
  const history = await recorder.get(workload)
  if (history === undefined) throw new Error('nothing is recorded')
  t.match(history, {
    starts: [{ at: second(5), ended: second(5) }],
    calls: [{ at: second(5) }],
    denials: [{ first: second(5), last: second(5) }]
  })
  const shown = withNewestDenials(history, denials, second(90))
  t.same(shown.denials, history.denials, 'also in what is shown later')
})

test('of the times that a node reports, the newest are remembered', (t) => {
  const times = new HeardTimes(2)
  const heard = (at: number, now: number) =>
    times.clock('n1/boot/1.2.3', second(now)).notAfterNow(second(at))
  t.equal(heard(100, 1), second(1))
  t.equal(heard(101, 2), second(2))
  t.equal(heard(100, 3), second(1), 'reported again')
  t.equal(heard(102, 4), second(4))
  t.equal(heard(100, 5), second(1), 'what was reported again is kept')
  t.equal(heard(101, 6), second(6), 'the other one is forgotten')
  t.equal(heard(103, 7), second(7))
  t.equal(heard(100, 200), second(100), 'it was forgotten, and is past')
  t.equal(times.clock('n1/boot/1.2.4', second(7)).notAfterNow(second(102)), second(7))
  t.end()
})

test('a hub that is restarted keeps the times that were recorded of a node whose clock is ahead', async (t) => {
  for (const ahead of [0, 30, 300])
    for (const isEnded of [false, true]) {
      const { recorder: first, memory } = await reportedBy(ahead, isEnded, 2)
      await first.close()
      const before = await first.get(workload)
      // The times of the node are in the future of the second hub, and in the past of the third one.
      for (const begin of [60, 1000]) {
        const next = await reportedBy(ahead, isEnded, 3, { memory, begin })
        const what = `${ahead} s ahead${isEnded ? ', ended' : ''}, at second ${begin}`
        t.same(next.costs, ['0 0', '0 0', '0 0'], what)
        t.same(await next.recorder.get(workload), before, what)
        await next.recorder.close()
      }
    }
})

test('what is repeated keeps its recorded time, and what is new has its own', (t) => {
  const times = new HeardTimes()
  const caller = { comm: 'app', answer: 'EPERM', count: 2, first: second(1), last: second(5) }
  const recorded = {
    starts: [
      { run: 'n1/boot/1', node: 'n1', at: second(1), complete: true, ended: second(5) },
      {
        ...{ run: 'n1/boot/2', node: 'n1', at: second(1), complete: true, ended: second(5) },
        endedAfter: second(3)
      }
    ],
    denials: [
      {
        ...{ instance: 'n1/boot/1.1', abi: 'x86_64', syscall: 'getsid', count: 3, processes: [] },
        ...{ action: 'SCMP_ACT_ERRNO', answer: 'EPERM', first: second(1), last: second(5) },
        callers: [caller, { ...caller, comm: 'sh', count: 1 }]
      }
    ]
  }
  const [ended, unseen] = recorded.starts
  const [denial] = recorded.denials
  const empty = emptyHistory(workload, second(0))
  const repeated = {
    ...empty,
    starts: [
      { ...ended, ended: second(9) },
      { ...unseen, ended: second(9) },
      { ...ended, run: 'n1/boot/3', ended: second(9) }
    ],
    denials: [
      {
        ...{ ...denial, last: second(9) },
        callers: [
          { ...caller, last: second(9) },
          { ...caller, comm: 'sh', count: 2, last: second(9) }
        ]
      },
      { ...denial, count: 4, last: second(9) }
    ]
  } as WorkloadHistory
  t.equal(times.kept(repeated), repeated, 'nothing is recorded')
  times.learn(recorded)
  const { starts, denials } = times.kept(repeated)
  t.same(
    starts.map((one) => one.ended),
    [second(5), second(9), second(9)]
  )
  t.same(
    denials.map(({ last, callers = [] }) => [last, ...callers.map((one) => one.last)]),
    [
      [second(5), second(5), second(9)],
      [second(9), second(5), second(5)]
    ]
  )
  t.end()
})
