import { t, test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { workloadOf } from '../../../webhook/views/view.js'
import { denial, profile } from '../ui/rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('where a workload stands follows from its profile', (t) => {
  const approved = {
    ...profile,
    spec: { ...profile.spec, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } }
  }
  const cases: [SeccompProfile, string | undefined][] = [
    [profile, 'learning'],
    [approved, 'approved'],
    [{ ...approved, status: { nodes: { ready: 1, total: 2 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 0, total: 0 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 2, total: 2 } } }, 'ready'],
    [{ ...profile, spec: {} }, undefined]
  ]
  const ready = { type: 'Ready', lastTransitionTime: '2026-12-02T08:00:00Z', message: '' }
  const waits = { ...ready, status: 'False' as const, reason: 'WaitingForReplicas' }
  const nodes = { ready: 1, total: 1 }
  cases.push([{ ...approved, status: { nodes, conditions: [waits] } }, 'approved'])
  for (const [given, state] of cases) t.equal(workloadOf(given)?.state, state)
  t.end()
})

test('what waits for a person is counted as denied, and nothing that is closed', (t) => {
  const states = ['open', 'allowed', 'closed', 'muted', 'expected'] as const
  const denials = states.map((state, at) => ({ ...denial, state, count: 10 ** at }))
  t.match(workloadOf(profile, denials), { denied: 11, expected: 10_000 })
  const deleted = [{ ...denial, state: 'open' as const, count: 7, deleted: '' }]
  t.match(workloadOf(profile, deleted), { denied: 7 }, 'the filter of a deleted profile denies on')
  t.match(workloadOf(profile, []), { denied: 0, expected: 0 }, 'none are known')
  const unknown = workloadOf(profile)
  t.notOk(
    'denied' in (unknown ?? {}) || 'expected' in (unknown ?? {}),
    'the store has none: no number'
  )
  t.end()
})
