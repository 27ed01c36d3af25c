import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved, planApproval } from '../../../../src/seccomp/review/approve.js'
import {
  diffAgainstObserved,
  diffSeccomp,
  isEmptyDiff
} from '../../../../src/seccomp/review/diff.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { mergeObserved } from '../../../../src/seccomp/review/merge.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { enforce, profileOf } from '../../../helpers/seccomp-profiles.js'

test('merge, approval, diff', (t) => {
  const bare = profileOf({})
  const seen = mergeObserved(bare, { x86_64: ['read', 'syscall_500', 'mount'], i386: ['write'] })
  t.equal(mergeObserved(seen, { x86_64: ['read'] }), seen, 'nothing new: the same object')
  t.same(diffAgainstObserved(seen), {
    toApprove: ['mount', 'read', 'write'],
    beyondRuntimeDefault: ['mount'],
    cannotApprove: ['syscall_500'],
    neverObserved: []
  })
  const at = '2026-01-01T00:00:00Z'
  const options = { by: 'ann', at, digestOf: () => digestOf('x') }
  const approved = approveObserved(seen, options)
  t.same(approved.spec.seccomp?.syscalls, [
    { names: ['mount', 'read', 'write'], action: 'SCMP_ACT_ALLOW' }
  ])
  t.same(approved.spec.seccomp?.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  t.equal(approved.status?.approvals?.length, 1)
  t.equal(approveObserved(approved, { ...options, at: 'later' }), approved)
  t.same(planApproval(seen, { beyondRuntimeDefault: 'skip' }).skipped, [
    { name: 'mount', reason: 'RuntimeDefault denies it' },
    { name: 'syscall_500', reason: 'is in no syscall table' }
  ])
  const later = mergeObserved(approved, { x32: ['read'] })
  const abisOf = (profile: SeccompProfile) => renderProfile(profile, enforce).seccomp.architectures
  t.same(abisOf(later), abisOf(approved), 'a new ABI needs an approval too')
  validateObject(approved, 'approved')
  const before = renderProfile(seen, enforce).seccomp
  const after = renderProfile(approved, enforce).seccomp
  const diff = diffSeccomp(before, after)
  t.ok(diff.added.includes('mount'))
  t.same(
    diff.architectures,
    { added: ['SCMP_ARCH_X86'], removed: [] },
    'what was seen alone is not listed'
  )
  t.ok(isEmptyDiff(diffSeccomp(after, after)))
  t.match(diffSeccomp({ defaultAction: 'SCMP_ACT_ALLOW' }, after).defaultChanged, {
    to: 'SCMP_ACT_ERRNO(1)'
  })
  t.end()
})
