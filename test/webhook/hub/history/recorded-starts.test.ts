import { test } from 'tap'
import { createLogger } from '../../../../src/lib/log.js'
import { emptyHistory, type HistoryStart } from '../../../../src/history/workload-history.js'
import { HistoryRecorder } from '../../../../webhook/hub/history/history-recorder.js'
import { RecordedStarts } from '../../../../webhook/hub/history/recorded-starts.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { quiet } from '../../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../rig.js'
import { memoryStore } from './memory-store.js'

const inPod = { namespace: 'shop', kind: 'StatefulSet', name: 'db', container: 'db' }
const plain = { namespace: 'default', kind: 'Container', name: 'db', container: '' }
const at = (second: number) => `2026-11-24T10:00:0${second}.000Z`

test('the starts of histories show which of them were restarts', (t) => {
  const start = (nth: number, more: Partial<HistoryStart>): HistoryStart => ({
    ...{ run: `n1/boot/1.${nth}`, node: 'n1', at: at(nth), complete: true, revision: 'r1' },
    ...more
  })
  const pod = { pod: 'db-0', podUid: 'u1' }
  const table: [
    what: string,
    workload: typeof inPod,
    starts: HistoryStart[],
    restarts: [place: string, seconds: number[]][]
  ][] = [
    ['one start', inPod, [start(1, pod)], []],
    ['two in one pod', inPod, [start(2, pod), start(1, pod)], [['u1 db', [2]]]],
    [
      'another pod of the same name',
      inPod,
      [start(1, pod), start(2, { ...pod, podUid: 'u2' }), start(3, { ...pod, podUid: 'u2' })],
      [['u2 db', [3]]]
    ],
    [
      'a pod of which only the name is known may be another one',
      inPod,
      [start(1, { pod: 'db-0' }), start(2, { pod: 'db-0' })],
      []
    ],
    ['after another revision', inPod, [start(1, { ...pod, revision: 'r0' }), start(2, pod)], []],
    ['outside of pods', plain, [start(1, {}), start(2, {}), start(3, {})], [['n1 db', [2, 3]]]],
    [
      'outside of pods on several nodes',
      plain,
      [start(1, {}), start(2, { node: 'n2' }), start(3, {})],
      [['n1 db', [3]]]
    ]
  ]
  for (const [what, workload, starts, expected] of table) {
    const known = new RecordedStarts()
    // A report is repeated until it is acked.
    for (let times = 0; times < 2; times += 1)
      for (const one of starts)
        known.learn({ ...emptyHistory(workload, at(0)), profiles: ['shop/db'], starts: [one] })
    const found = known
      .restartsUnder('r1')
      .map(({ place, times }) => [place, times.map((time) => new Date(time).getUTCSeconds())])
    t.same(found, expected, what)
  }
  t.end()
})

test('starts that are kept are bounded', (t) => {
  const known = new RecordedStarts()
  const starts = Array.from({ length: 3000 }, (_, nth) => ({
    ...{ run: `n1/boot/1.${nth}`, node: 'n1', at: at(1), complete: true, revision: 'r1' }
  }))
  known.learn({ ...emptyHistory(plain, at(0)), starts })
  t.equal(known.restartsUnder('r1')[0]?.times.length, 1999)
  t.end()
})

test('the restarts under a revision are the same after a restart of the hub', async (t) => {
  const { store } = memoryStore()
  const open = async () => {
    const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
    const logger = createLogger('test', quiet)
    const now = () => Date.parse(at(9))
    const recorder = new HistoryRecorder({ store, timing, logger, now })
    await recorder.load()
    return recorder
  }
  const before = await open()
  for (const nth of [1, 2, 3]) {
    const container = {
      ...{ id: `c${nth}`, runtime: 'containerd', name: 'db', image: '', labels: {}, profile: '' },
      ...{ podNamespace: 'shop', podName: 'db-0', podUid: 'u1' }
    }
    const seen = { firstSeen: at(nth), lastSeen: at(nth), revision: 'r1', container }
    const observation = observationOf(`n1/boot/1.${nth}.1`, ['read'], seen)
    const finding = readObservation(observation, 'n1', nodeStatus)
    if (typeof finding === 'string') throw new Error(finding)
    void before.observed('n1', observation, finding)
  }
  const known = before.restartsUnder('r1')
  t.same(known[0]?.times, [Date.parse(at(2)), Date.parse(at(3))])
  await before.close()
  const after = await open()
  t.same(after.restartsUnder('r1'), known)
  await after.close()
})

test('the starts in a place outside of pods, under any revision, each once', (t) => {
  const starts = new RecordedStarts()
  const start = (nth: number, more: Partial<HistoryStart> = {}): HistoryStart => ({
    ...{ run: `n1/boot/1.${nth}`, node: 'n1', at: at(nth), complete: true, ...more }
  })
  const learn = (workload: typeof inPod, ...all: HistoryStart[]) =>
    starts.learn({ ...emptyHistory(workload, at(0)), starts: all })
  learn(plain, start(1), start(2, { revision: 'r1' }), start(3, { node: 'n2' }))
  learn(plain, start(2, { revision: 'r1' }), start(4))
  learn(inPod, start(5, { pod: 'db-0', podUid: 'u1' }))
  t.same(
    ['n1 db', 'n2 db', 'u1 db', 'n1 web'].map((place) => starts.startsAt(place)),
    [3, 1, 0, 0]
  )
  t.end()
})
