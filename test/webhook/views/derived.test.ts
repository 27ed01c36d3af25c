import { t, test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { workloadOf } from '../../../webhook/views/view.js'
import { profile } from '../ui/rig.js'

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
  for (const [given, state] of cases) t.equal(workloadOf(given)?.state, state)
  t.end()
})
