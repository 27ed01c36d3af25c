import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
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
    next: /secco get nodes/,
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
  t.match(
    review(profileOf({ extends: ['gone'], promote: { afterInstances: 1, afterQuiet: '1h' } })),
    {
      ...{ risk: undefined, problem: /gone/, promotion: { ready: false } }
    }
  )
  t.end()
})
