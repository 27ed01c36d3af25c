import { test } from 'tap'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import type {
  ContainerView,
  ContainerViews
} from '../../../../webhook/confinement/containers/container-views.js'
import {
  whyNotRecording,
  DenialRecording
} from '../../../../webhook/confinement/containers/denial-recording.js'

type Listener = Parameters<ContainerViews['onChange']>[0]

/** A container in audit that began then. */
const run = (startedAt: number, on = 'n1') =>
  ({
    ...{ key: `${on}/${startedAt}`, node: on, profile: 'shop/web', revision: 'r' },
    startedAt: Number.isNaN(startedAt) ? '' : new Date(startedAt).toISOString()
  }) as ContainerView

/** Returns the recording of these nodes, with their first containers, and what starts and ends containers. */
function recordingOf(nodes: () => NodeState[], now: () => number, first: ContainerView[] = []) {
  let notify: Listener = () => undefined
  const recording = new DenialRecording({
    ...{ nodes, node: (name) => nodes().find((one) => one.name === name) },
    ...{ isAudit: () => true, now },
    views: { list: () => first, onChange: (listener) => ((notify = listener), () => undefined) }
  })
  return {
    recording,
    begins: (...views: ContainerView[]) => notify(views, []),
    ends: (...views: ContainerView[]) => notify([], views)
  }
}

const works = { record: 'always', attached: true, tracingUnavailable: '' }
const node = (status: object, connected = true, pinned = true, name = 'n1') =>
  ({
    ...{ name, connected },
    status: { ...status, capabilities: [{ name: 'pin', works: pinned, message: '' }] }
  }) as unknown as NodeState

test('why a node does not record denials', (t) => {
  const unprofiled = { ...works, record: 'unprofiled' }
  const table: [string, NodeState | undefined, RegExp | undefined, RegExp | undefined][] = [
    ['always', node(works), undefined, undefined],
    ['unprofiled, attached', node(unprofiled), undefined, /enforced containers/],
    ['unprofiled, detached', node({ ...unprofiled, attached: false }), /nothing/, /enforced/],
    ['off', node({ ...works, record: 'off', attached: false }), /--record off/, /--record off/],
    ['no tracing', node({ ...works, tracingUnavailable: 'no BTF' }), /no BTF$/, /no BTF$/],
    ['away', node(works, false), /not connected/, /not connected/],
    ['unknown', undefined, /not connected/, /not connected/]
  ]
  for (const [what, one, audit, enforce] of table) {
    t.match(whyNotRecording(one, 'audit'), audit, `${what}: audit`)
    t.match(whyNotRecording(one, 'enforce'), enforce, `${what}: enforce`)
  }
  t.end()
})

test('a restart of a satellite: a pinned program recorded meanwhile, any other did not', (t) => {
  for (const pinned of [true, false]) {
    let now = 1000
    let current = node(works, true, pinned)
    const { recording } = recordingOf(
      () => [current],
      () => now,
      [run(100)]
    )
    recording.scan()
    t.equal(recording.auditSince('shop/web', 'r', 500), 500)
    t.equal(recording.auditSince('shop/web', 'r', 2000), undefined, 'not since then')
    now = 2000
    current = node(works, false, pinned)
    recording.scan()
    t.equal(recording.auditSince('shop/web', 'r', 500), undefined, 'away')
    t.equal(recording.unrecorded('shop/web', 'r'), undefined, 'for a moment')
    now = 3000
    current = node(works, true, pinned)
    recording.scan()
    t.equal(recording.auditSince('shop/web', 'r', 500), pinned ? 500 : 2000)
    t.equal(recording.since('n1', 'enforce'), pinned ? 0 : 2000)
    recording.close()
  }
  t.end()
})

test('the time without denials begins with the first recorded run', (t) => {
  let now = 0
  const { recording, begins, ends } = recordingOf(
    () => [node(works)],
    () => now
  )
  recording.scan()
  now = 9000
  recording.scan()
  t.equal(recording.auditSince('shop/web', 'r', 500), undefined, 'nothing ran')
  begins(run(8000))
  t.equal(recording.auditSince('shop/web', 'r', 500), 8000)
  t.equal(recording.auditSince('shop/web', 'r', 8500), 8500)
  now = 20_000
  ends(run(8000))
  begins(run(19_000))
  t.equal(recording.auditSince('shop/web', 'r', 500), 8000, 'of the first one')
  recording.close()
  for (const startedAt of [Number.NaN, 90_000]) {
    const other = recordingOf(
      () => [node(works)],
      () => now,
      [run(startedAt)]
    )
    other.recording.scan()
    now += 1000
    other.recording.scan()
    t.equal(
      other.recording.auditSince('shop/web', 'r', 500),
      now - 1000,
      `${startedAt}: first seen`
    )
    other.recording.close()
  }
  t.end()
})

test('a node that attached for a container records it from its beginning', (t) => {
  const detached = { ...works, record: 'unprofiled', attached: false }
  let current = node(detached)
  const { recording, begins } = recordingOf(
    () => [current],
    () => 2000
  )
  recording.scan()
  // Both between two scans.
  current = node({ ...detached, attached: true })
  begins(run(1000))
  t.equal(recording.since('n1', 'audit'), 0)
  t.equal(recording.auditSince('shop/web', 'r', 500), 1000)
  recording.close()
  t.end()
})

test('a disconnected node does not hide a node that records nothing', (t) => {
  const off = { ...works, record: 'off', attached: false }
  const away = node(works, false, true, 'n2')
  for (const views of [
    [run(0), run(0, 'n2')],
    [run(0, 'n2'), run(0)]
  ]) {
    const { recording } = recordingOf(
      () => [node(off), away],
      () => 1000,
      views
    )
    recording.scan()
    t.match(recording.unrecorded('shop/web', 'r'), { node: 'n1', why: /--record off/ })
    recording.close()
  }
  t.end()
})

test('nothing is kept about a node that was forgotten', (t) => {
  let all = [node(works)]
  const { recording, begins, ends } = recordingOf(
    () => all,
    () => 1000
  )
  begins(run(600))
  ends(run(600))
  recording.scan()
  t.equal(recording.auditSince('shop/web', 'r', 500), 600)
  all = []
  recording.scan()
  all = [node(works)]
  recording.scan()
  t.equal(recording.auditSince('shop/web', 'r', 500), undefined)
  recording.close()
  t.end()
})
