import { test } from 'tap'
import type { LadderStep } from '../../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { ClusterPod } from '../../../../webhook/cluster/watch/cluster-view.js'
import { podEvents } from '../../../../webhook/cluster/events/pod-events.js'
import { profileEvents } from '../../../../webhook/cluster/events/profile-events.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { profileOf } from '../../../src/store/contract.js'
import { rawPod } from '../cluster-objects.js'

test('the events of pods and profiles', (t) => {
  const now = Date.parse('2026-11-24T10:01:00Z')
  const hasFile = (reason: string) => ['ready', 'previous'].includes(reason)
  const entry = (reason: string) => ({
    rule: 'secco-system/web',
    profile: 'shop/web.app',
    mode: 'enforce',
    revision: `sha256:${'a'.repeat(64)}`,
    outcome: hasFile(reason) ? 'assigned' : 'runtime-default',
    reason
  })
  const path = `secco/shop/web.app/${'a'.repeat(64)}.json`
  const spec = (reason: string) =>
    hasFile(reason)
      ? { seccomp: 'Localhost', localhostProfile: path }
      : { seccomp: 'RuntimeDefault' }
  const pod = (...reasons: string[]): ClusterPod => ({
    ...readPod(rawPod),
    containers: reasons.map((reason, at) => ({
      name: `c${at}`,
      kind: 'container',
      ...spec(reason)
    })),
    assigned: JSON.stringify(
      Object.fromEntries(reasons.map((reason, at) => [`c${at}`, entry(reason)]))
    )
  })
  const said = podEvents(
    pod('ready', 'not-ready', 'previous', 'unknown-profile', 'not-approved', 'learning'),
    now,
    new Set()
  )
  t.same(
    said?.texts.map(({ reason, type }) => `${type} ${reason}`),
    [
      'Normal ProfileApplied',
      'Warning ProfileFallback',
      'Warning ProfileFallback',
      'Warning ProfileMissing',
      'Warning ProfileMissing'
    ]
  )
  t.match(
    said?.texts[1]?.note,
    /container c1: RuntimeDefault instead of shop\/web\.app: .* had not reached every node/
  )
  t.equal(podEvents(pod('learning'), now, new Set()), undefined)
  t.equal(
    podEvents(pod('ready'), now + 3_600_000, new Set()),
    undefined,
    'old pods were told about before'
  )
  for (const reason of ['ready', 'not-ready']) {
    const forged = { ...pod(reason), containers: [{ name: 'c0', kind: 'container' as const }] }
    t.equal(
      podEvents(forged, now, new Set()),
      undefined,
      `${reason}: the spec does not have what the entry gives`
    )
  }
  const invented = podEvents(pod('not-ready', 'previous'), now, new Set(['c0']))
  t.same(
    invented?.texts.map(({ note }) => note.slice(0, 12)),
    ['container c1'],
    'no event of what no webhook decided'
  )
  t.equal(podEvents({ ...pod(), assigned: '[not json' }, now, new Set()), undefined)

  const profile = profileOf('shop', 'web', ['read'])
  const learned: SeccompProfile = {
    ...profile,
    status: { observed: { x86_64: ['read', 'write'] } }
  }
  const approved: SeccompProfile = {
    ...learned,
    status: {
      ...learned.status,
      approvals: [{ by: 'jo', at: 'now', revision: '', reason: 'fine' }]
    }
  }
  const condition = {
    type: 'Ready',
    status: 'True' as const,
    reason: 'AllNodesReady',
    message: '',
    lastTransitionTime: ''
  }
  const there: SeccompProfile = {
    ...approved,
    status: {
      ...approved.status,
      revision: `sha256:${'b'.repeat(64)}`,
      nodes: { ready: 3, total: 3 },
      conditions: [condition]
    }
  }
  const notes = (before: SeccompProfile | undefined, after: SeccompProfile) =>
    profileEvents(before, after).texts.map(({ reason, note }) => `${reason}: ${note}`)
  t.same(notes(profile, learned), ['Learned: 2 new syscalls observed, 2 in total'])
  t.same(notes(learned, approved), ['Approved: approved by jo: fine'])
  t.same(notes(approved, there), ['Distributed: revision sha256:bbbbbbbbbbbb is on 3 nodes'])
  t.same(notes(there, there), [])

  const step = (action: LadderStep['action'], by: string, more: Partial<LadderStep> = {}) => ({
    ...{ action, by, at: '2026-11-24T10:00:00Z', from: 'a', to: 'b' },
    ...more
  })
  const begun = step('canary', 'jo', { from: 'audit', to: 'enforce for 25%', reason: 'try it' })
  const taken = step('return', 'policy', { from: begun.to, to: 'audit', reason: '2 calls denied' })
  const moved = (...history: LadderStep[]): SeccompProfile => ({
    ...there,
    status: { ...there.status, history }
  })
  t.same(notes(there, moved(begun)), ['CanaryStarted: audit → enforce for 25% by jo: try it'])
  t.same(notes(moved(begun), moved(begun, taken)), [
    'CanaryReturned: enforce for 25% → audit by policy: 2 calls denied'
  ])
  t.equal(profileEvents(moved(begun), moved(begun, taken)).texts[0]?.type, 'Warning')
  // The oldest steps are forgotten: their number says nothing.
  t.equal(notes(moved(begun, begun, taken), moved(begun, taken, begun)).length, 1)
  t.same(notes(moved(begun), moved(begun)), [])
  t.notMatch(notes(undefined, moved(begun, taken)).join(), /Canary/, 'old ones of a new profile')
  t.same(notes(there, moved(step('allow', 'jo'))), [], 'an approval is told as one')
  for (const [action, reason] of [
    ['promote', 'Promoted'],
    ['complete', 'CanaryCompleted'],
    ['rollback', 'RolledBack'],
    ['mute', 'CallMuted']
  ] as const) {
    const words = [`${reason}: a → b by jo: why`]
    t.same(notes(there, moved(step(action, 'jo', { reason: 'why' }))), words, action)
  }
  t.end()
})
