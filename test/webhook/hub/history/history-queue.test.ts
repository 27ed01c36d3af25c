import process from 'node:process'
import { test } from 'tap'
import { mergeHistories } from '../../../../src/history/merge-history.js'
import {
  emptyHistory,
  type HistoryDenial,
  type WorkloadHistory
} from '../../../../src/history/workload-history.js'
import { PendingNews } from '../../../../webhook/hub/history/history-queue.js'

const since = '2026-11-24T10:00:00.000Z'
const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }

function reportOf(nth: number, count = 1): WorkloadHistory {
  const denial: HistoryDenial = {
    ...{
      instance: `n1/b/1.${nth}.1`,
      abi: 'x86_64',
      syscall: 'getsid',
      action: 'SCMP_ACT_ERRNO',
      answer: 'EPERM',
      count
    },
    ...{ first: since, last: since, processes: [] }
  }
  return { ...emptyHistory(workload, since), denials: [denial] }
}

test('news of one workload are merged as they come, in some steps for each', (t) => {
  const pending = new PendingNews()
  t.same(pending.all(), [])
  t.equal(pending.take(), undefined)
  const reports = Array.from({ length: 2000 }, (_, nth) => reportOf(nth))
  const cpuOf = (work: () => void): number => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  let expected: WorkloadHistory | undefined
  const ofEach = cpuOf(() => (expected = reports.reduce(mergeHistories)))
  const ofParts = cpuOf(() => {
    for (const one of reports) pending.add(one)
  })
  t.notOk(pending.isFull)
  const [all] = pending.all()
  t.strictSame(JSON.stringify(all), JSON.stringify(expected))
  const share = ofParts / ofEach
  t.ok(share < 0.3, `${share.toFixed(3)} of a merge of each with all before it`)
  t.strictSame(pending.take(), all)
  t.ok(pending.isEmpty)
  t.end()
})

test('what is reported again takes no room', (t) => {
  const pending = new PendingNews()
  for (let round = 1; round <= 50; round += 1)
    for (let nth = 0; nth < 100; nth += 1) pending.add(reportOf(nth, round))
  t.notOk(pending.isFull)
  t.strictSame(
    pending.all().flatMap(({ denials }) => denials.map(({ count }) => count)),
    Array.from({ length: 100 }, () => 50)
  )
  for (let nth = 0; nth < 4096; nth += 1) pending.add(reportOf(nth))
  t.ok(pending.isFull)
  t.end()
})
