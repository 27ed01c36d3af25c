import { test } from 'tap'
import { Observation } from '../../../../src/api/gen/hub.js'
import { historyLines } from '../../../../src/history/history-lines.js'
import { gapEvent } from '../../../../src/history/recording-gap.js'
import { emptyHistory, parseHistory } from '../../../../src/history/workload-history.js'
import { mergeHistories } from '../../../../src/history/merge-history.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { clockAt } from '../../../../webhook/hub/history/heard-times.js'
import { installationKey } from '../../../../webhook/hub/history/installation.js'
import { RestoredDenials } from '../../../../webhook/hub/history/restored-denials.js'
import { denialsOf } from '../../../../webhook/hub/denials/denial.js'
import {
  observedHistory,
  withNewestDenials
} from '../../../../webhook/hub/history/observed-history.js'
import {
  type ObservationFinding,
  readObservation
} from '../../../../webhook/hub/observations/read-observation.js'

test('a time that does not exist, reported by a node, breaks no history', (t) => {
  const none = '2024-99-99T99:99:99Z'
  const now = '2026-11-28T12:00:00.000Z'
  const observation = Observation.fromPartial({
    ...{ id: 'n1/boot/1.2.3', container: { name: 'web', id: 'c' } },
    ...{ firstSeen: none, lastSeen: none, endedAt: none, ended: true, complete: false },
    abis: [{ abi: 'x86_64', syscalls: [{ name: 'read', count: 1 }] }],
    denied: [
      { name: 'getsid', count: 1, action: 'SCMP_ACT_ERRNO', detail: { at: none, firstAt: none } }
    ]
  })
  const finding = readObservation(observation, 'n1') as ObservationFinding
  const history = observedHistory(observation, finding, { node: 'n1', clock: clockAt(now) })
  const installation = {
    ...emptyHistory(history.workload, now),
    events: [gapEvent('n1', { from: now, to: now })]
  }
  const lines = historyLines(history, installation)
  t.strictSame(
    lines.map(({ at, what }) => `${what} ${at}`),
    ['found', 'new', 'denial', 'secco'].map((what) => `${what} ${now}`)
  )
  t.ok(parseHistory(JSON.stringify(history)), 'and can be read again')
  t.end()
})

test('how an instance ended is in its history; where nobody knows it, nothing is', (t) => {
  const at = '2026-11-28T12:00:00.000Z'
  const table: [events: string[], ending: string | undefined, line: string][] = [
    [['start', 'stop'], 'stop', 'stop: c ended'],
    [['start', 'killed'], 'killed', 'killed: c ended, killed (SIGKILL)'],
    [['killed SIGSYS', 'killed by me'], 'killed SIGSYS', 'killed: c ended, killed (SIGSYS)'],
    [['ended'], undefined, 'ended: c ended'],
    [['made up'], undefined, 'ended: c ended']
  ]
  for (const [events, ending, expected] of table) {
    const observation = Observation.fromPartial({
      ...{ id: 'n1/boot/1.2.3', container: { name: 'web', id: 'c' }, part: 'entry', events },
      ...{ firstSeen: at, lastSeen: at, endedAt: at, ended: true, complete: true }
    })
    const finding = readObservation(observation, 'n1') as ObservationFinding
    const history = observedHistory(observation, finding, { node: 'n1', clock: clockAt(at) })
    t.equal(history.starts[0]?.ending, ending, events.join())
    const lines = historyLines(history).map(({ what, text }) => `${what}: ${text}`)
    t.ok(lines.includes(expected), expected)
    t.ok(parseHistory(JSON.stringify(history)), 'and can be read again')
  }
  t.end()
})

test('a denial is in the history before the observation that has it, and once after it', (t) => {
  const at = '2026-11-28T12:00:00.000Z'
  const observed = (count: number) =>
    Observation.fromPartial({
      ...{ id: 'n1/boot/1.2.3', container: { name: 'web', id: 'c' } },
      ...{ firstSeen: at, lastSeen: at, complete: true },
      denied: [{ name: 'getsid', count, action: 'SCMP_ACT_ERRNO', detail: { at, comm: 'app' } }]
    })
  const historyOf = (count: number) => {
    const finding = readObservation(observed(count), 'n1') as ObservationFinding
    return {
      finding,
      history: observedHistory(observed(count), finding, { node: 'n1', clock: clockAt(at) })
    }
  }
  const { finding, history } = historyOf(1)
  const { target } = finding
  const newest = denialsOf(observed(3), { target, node: 'n1', lastSeen: at })
  const later = withNewestDenials(history, newest, at)
  t.match(later.denials, [{ syscall: 'getsid', count: 3, processes: ['app'] }])
  t.strictSame(later, { ...historyOf(3).history }, 'as the observation will have it')
  t.equal(withNewestDenials(later, newest, at), later, 'it changes nothing that is known')
  const others = [{ workload: 'Container/api' }, { namespace: 'shop' }, { profile: 'api' }].flatMap(
    (other) => newest.map((one) => ({ ...one, ...other }))
  )
  t.equal(withNewestDenials(history, others, at), history, 'denials of other workloads')
  const { workload } = history
  const inPod = { ...history, workload: { ...workload, container: 'app' } }
  t.equal(withNewestDenials(inPod, newest, at), inPod, 'those of another container of its pods')
  t.end()
})

test('when the hub heard of a denial is the same before and after its restart', (t) => {
  const second = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString()
  const observed = Observation.fromPartial({
    ...{ id: 'n1/boot/1.2.3', container: { name: 'web', id: 'c' }, complete: true },
    ...{ firstSeen: second(0), lastSeen: second(1) },
    denied: [
      {
        ...{ name: 'getsid', count: 1, action: 'SCMP_ACT_ERRNO' },
        detail: { at: second(1), firstAt: second(1), comm: 'app', errno: 1, abi: 'x86_64' }
      }
    ]
  })
  const finding = readObservation(observed, 'n1') as ObservationFinding
  const newest = denialsOf(observed, { target: finding.target, node: 'n1', lastSeen: second(1) })
  // [what, when the hub heard of the call, when the observation comes, when it comes to the next hub, heard]
  const table: [string, number, number, number, string | undefined][] = [
    ['at once, and the observation with the next scan', 1, 30, 90, undefined],
    ['the node was away', 40, 41, 90, second(40)]
  ]
  for (const [what, heardAt, comesAt, againAt, heard] of table) {
    const rows = new DenialRows()
    for (const denial of newest) rows.grow(denial, 1, second(heardAt))
    const known = { node: 'n1', rows: rows.list() }
    const before = observedHistory(observed, finding, { ...known, clock: clockAt(second(comesAt)) })
    t.equal(withNewestDenials(before, newest, second(60)).denials[0]?.heard, heard, what)
    const restored = new RestoredDenials()
    restored.add({ ...emptyHistory(installationKey, second(0)) })
    restored.add(before)
    const saved = restored.saved()
    const after = observedHistory(observed, finding, {
      ...{ node: 'n1', clock: clockAt(second(againAt)), rows: saved?.rows ?? [] }
    })
    t.equal(after.denials[0]?.heard, heard, `${what}: reported again`)
    t.strictSame(mergeHistories(before, after).denials, before.denials, what)
  }
  t.end()
})
