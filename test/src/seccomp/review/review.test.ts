import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { DeniedCall } from '../../../../src/seccomp/review/denied-calls.js'
import { reviewOf } from '../../../../src/seccomp/review/review.js'
import { seen, at, start, profileOf, hour } from '../../../helpers/instances.js'
import { nothing } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('the review of a profile', (t) => {
  const review = (profile: SeccompProfile) => reviewOf(profile, start + 2 * hour, nothing)
  t.match(review(profileOf({})).next, /secco\.dev\/learn/)
  t.match(review(seen([['read']])), {
    next: /let it run at least 5 times[^]*profile approve shop\/web/,
    risk: { of: 'observed' }
  })
  const approved = profileOf(
    {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
      }
    },
    { observed: { x86_64: ['read'] } }
  )
  matchLists(t, review(approved), {
    next: /revision arrive with `secco get profiles -n shop`/,
    risk: { of: 'approved', neverObserved: [] }
  })
  const ready = {
    ...approved,
    status: {
      ...approved.status,
      nodes: { ready: 1, total: 1 },
      conditions: [
        {
          type: 'Ready',
          status: 'True' as const,
          reason: 'x',
          message: '',
          lastTransitionTime: at(0)
        }
      ]
    }
  }
  t.match(review(ready).next, /secco\.dev\/profile: web/)
  const waiting = {
    call: 'mount',
    name: 'mount',
    times: 3,
    by: ['web'],
    callers: [],
    logged: false
  }
  const decided = (denied: DeniedCall[]) =>
    reviewOf(ready, start + 2 * hour, nothing, undefined, denied).next
  t.match(decided([]), /^pods that are learned/)
  t.match(
    decided([waiting]),
    /^decide about each denied call with `secco denials -n shop` \(denied: mount \(3 times, by web\)\); pods that are learned/
  )
  const plain = { ...ready.spec, workload: { kind: 'Container' as const, name: 'web' } }
  t.match(
    review({ ...ready, spec: plain }).next,
    /^a new container gets it with the filter that `secco profile export shop\/web --mode enforce` prints \(/
  )
  const revision = `sha256:${'e'.repeat(64)}`
  const canary = { percent: 5, from: { mode: 'audit' }, startedAt: at(0), quietFor: '1h' } as const
  const mode = 'enforce' as const
  for (const [namespace, ladder, says] of [
    [
      'shop',
      { mode },
      /^new pods that have the label secco\.dev\/profile: web, that a rule .* get it \(enforce\), unless .*`secco ps -n shop`$/
    ],
    [
      'shop',
      { mode, canary },
      /^5% of the new pods that have .* get it \(enforce\), the others stay at audit, unless/
    ],
    ['shop', { mode, revision }, / get its revision sha256:eeeeeeeeeeee \(enforce\)/],
    ['secco-system', { mode }, /`secco ps -A`$/]
  ] as const) {
    const metadata = { ...ready.metadata, namespace }
    t.match(review({ ...ready, metadata, spec: { ...ready.spec, ladder } }).next, says)
  }
  t.match(
    review({ ...ready, spec: { ...plain, ladder: { mode, canary } } }).next,
    /^5% of .*; outside Kubernetes nothing assigns .*: a new container .*`secco profile export shop\/web --mode enforce` prints/
  )
  const conditions = ready.status.conditions.map((one) => ({ ...one, status: 'False' as const }))
  const partly = { ...ready, status: { ...ready.status, conditions } }
  t.match(review(partly).next, /nodes lack the revision with `secco get profiles -n shop`/)
  t.match(
    review(profileOf({ extends: ['gone'], promote: { afterInstances: 1, afterQuiet: '1h' } })),
    {
      ...{ risk: undefined, problem: /gone/, promotion: { ready: false } }
    }
  )
  t.end()
})
