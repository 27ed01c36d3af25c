import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { planApproval } from '../../../../src/seccomp/review/approve.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import { allowing, answer, nothing } from '../../../helpers/seccomp-profiles.js'

const decision = { by: 'ann', at: '2026-01-01T00:00:00Z', reason: 'no need' }
const enforce = { mode: 'enforce', resolve: nothing } as const

const observing = (...names: string[]): SeccompProfile => ({
  ...allowing(['openat', 'getsid']),
  status: { observed: { x86_64: names } }
})

const denying = (profile: SeccompProfile, deny: string[], allow: string[] = []) =>
  decideCalls(profile, { ...decision, allow, deny })

test('an observed call that stays denied is decided: no review asks about it again', (t) => {
  const profile = observing('openat', 'mount', 'chroot')
  t.same(planApproval(profile).adds, ['chroot', 'mount'])
  const after = denying(profile, ['mount'])
  t.same(planApproval(after).adds, ['chroot'])
  t.match(after.status?.approvals, [{ by: 'ann', reason: 'no need' }], 'who decided it, and why')
  t.equal(
    renderProfile(after, enforce).digest,
    renderProfile(profile, enforce).digest,
    'the filter is the same: no container has to be restarted'
  )
  t.equal(denying(after, ['mount']), after, 'once')
  const both = denying(after, ['chroot'])
  t.same(both.spec.seccomp?.syscalls?.at(-1), {
    names: ['chroot', 'mount'],
    action: 'SCMP_ACT_ERRNO'
  })
  t.end()
})

test('a call that stayed denied is allowed again by its name', (t) => {
  const denied = denying(observing('openat', 'mount'), ['mount'])
  const again = denying(denied, [], ['mount'])
  t.equal(answer(renderProfile(again, enforce).seccomp, 'mount', []), 'SCMP_ACT_ALLOW')
  t.equal(denying(again, [], ['mount']), again)
  const back = denying(again, ['mount'])
  t.match(answer(renderProfile(back, enforce).seccomp, 'mount', []), /ERRNO/, 'and denied again')
  t.same(planApproval(back).adds, [])
  t.end()
})

test('a call that was never observed is only taken out', (t) => {
  const after = denying(observing('openat'), ['getsid'])
  t.same(
    after.spec.seccomp?.syscalls?.flatMap(({ names }) => names),
    ['openat']
  )
  t.end()
})

test('a call is either allowed or denied', (t) => {
  t.throws(() => denying(observing('mount'), ['mount'], ['getsid', 'mount']), {
    code: 'INVALID_ARGUMENT',
    message: 'mount: both allowed and denied'
  })
  t.end()
})
