import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { parseAllow, withAllowed } from '../../../../src/seccomp/review/allow.js'
import {
  approvedAs,
  approvedDigest,
  boundApproval,
  boundChange,
  checkApproval,
  recordedApprovals
} from '../../../../src/seccomp/policy/approval.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import { withParents } from '../../../../src/seccomp/render/extend.js'
import { promote } from '../../../../src/seccomp/review/promotion.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { instance, start } from '../../../helpers/instances.js'
import { allowing, codeOf, profileOf } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

const olga = { by: 'olga', at: '2026-11-20T09:00:00.000Z', reason: 'release 1' }
const ann = { by: 'ann', at: '2026-11-20T10:00:00.000Z', reason: 'release 2' }
const parent = profileOf(
  {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['times'], action: 'SCMP_ACT_ALLOW' }]
    }
  },
  'base'
)
const observed = { x86_64: ['accept4', 'getpgid', 'read'] }
const promoteAt = start + 3_600_000

/** Approved, seen with one more call, built on another profile, and open to a policy. */
const content: SeccompProfile = {
  ...allowing(['accept4', 'read'], [{ names: ['getsid'], action: 'SCMP_ACT_ERRNO' }]),
  status: { observed, instances: [instance(1, observed.x86_64)], lastNew: olga.at }
}
const plain: SeccompProfile = {
  ...content,
  spec: { ...content.spec, extends: ['base'], promote: { afterInstances: 1, afterQuiet: '1s' } }
}

/** The profile as olga approved it: in its spec, and in the list that the hub keeps. */
function approved(profile: SeccompProfile): SeccompProfile {
  const approval = boundApproval(profile.spec, olga)
  const approvals = [{ ...approval, revision: `sha256:${'0'.repeat(64)}` }]
  return {
    ...profile,
    spec: { ...profile.spec, approval },
    status: { ...profile.status, approvals }
  }
}

/** Somebody changed the content since, and left the approval as it was. */
function stale(profile: SeccompProfile): SeccompProfile {
  const seccomp = profile.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const syscalls = [
    ...(seccomp.syscalls ?? []),
    { names: ['mount'], action: 'SCMP_ACT_ALLOW' as const }
  ]
  return { ...profile, spec: { ...profile.spec, seccomp: { ...seccomp, syscalls } } }
}

type Change = (profile: SeccompProfile) => SeccompProfile
const calls = (allow: string[], deny: string[]) => ({ ...ann, allow, deny })
const block: Change = (one) => withBlock(one, parseBlock('io_uring'), ann, false)

/** [what, change, by whom it is approved afterwards]. */
const table: [string, Change, string][] = [
  ['allow', (one) => withAllowed(one, parseAllow('getpgid'), ann), 'ann'],
  ['allow with arguments', (one) => withAllowed(one, parseAllow('socket:0=38'), ann), 'ann'],
  ['allow what a person denied', (one) => withAllowed(one, parseAllow('getsid'), ann), 'ann'],
  ['call --allow, observed', (one) => decideCalls(one, calls(['getpgid'], [])), 'ann'],
  ['call --allow, not observed', (one) => decideCalls(one, calls(['sysinfo'], [])), 'ann'],
  ['call --deny', (one) => decideCalls(one, calls([], ['accept4'])), 'ann'],
  ['call, both', (one) => decideCalls(one, calls(['getpgid'], ['accept4'])), 'ann'],
  ['extend --add', (one) => withParents(one, ['secco-system/base'], [], ann), 'ann'],
  ['extend --remove', (one) => withParents(one, [], ['base'], ann), 'ann'],
  ['approve', (one) => approveObserved(one, ann), 'ann'],
  ['approve in a cluster', (one) => approveObserved(one, { ...ann, bind: true }), 'ann'],
  ['a policy', (one) => promote(one, promoteAt), 'policy'],
  ['a policy in a cluster', (one) => promote(one, promoteAt, 'hub'), 'hub'],
  ['block', block, 'ann'],
  ['unblock', (one) => withBlock(one, parseBlock('getsid'), ann, true), 'ann']
]

const resolve = (_: string, name: string) => (name === 'base' ? parent : undefined)
const render = (profile: SeccompProfile) => renderProfile(profile, { mode: 'enforce', resolve })

test('whoever changes an approved profile approves what it is then', (t) => {
  const before = approved(plain)
  t.ok(render(before).digest)
  for (const [what, change, by] of table) {
    const after = change(before)
    t.not(approvedDigest(after.spec), approvedDigest(before.spec), `${what}: is a change`)
    t.equal(codeOf(() => render(after)).message, '', `${what}: renders`)
    t.match(after.spec.approval, { by, digest: approvedDigest(after.spec) }, what)
    const recorded = recordedApprovals(after, ann.at) ?? []
    const own = recorded.filter((one) => one.digest === approvedDigest(after.spec))
    t.equal(own.length, 1, `${what}: is recorded once`)
    matchLists(t, own, [{ by, reason: after.spec.approval?.reason }], what)
    t.equal(recorded[0], before.status?.approvals?.[0], `${what}: the first one stays`)
  }
  t.end()
})

test('a document in the name of a tool carries an approval that somebody gave', (t) => {
  const approvals = approved(plain).status?.approvals ?? []
  const listed = { ...plain, status: { approvals } }
  t.match(approvedAs(listed, 'flux').approval, {
    by: 'flux',
    at: olga.at,
    reason: /approved by olga/
  })
  const dated = { ...plain.metadata, creationTimestamp: olga.at }
  const later = { ...ann, revision: '', digest: `sha256:${'0'.repeat(64)}` }
  const wrong: [string, SeccompProfile][] = [
    ['nobody approved anything', { ...plain, metadata: dated }],
    ['another content', { ...stale(listed), metadata: dated }],
    ['a later one of another content', { ...listed, status: { approvals: [...approvals, later] } }]
  ]
  for (const [what, profile] of wrong)
    t.equal(codeOf(() => approvedAs(profile, 'flux')).code, 'APPROVAL_INVALID', what)
  t.end()
})

test('a profile without an approval gets none by a change', (t) => {
  for (const [what, change] of table) {
    if (what.includes('cluster')) continue
    const after = change(plain)
    t.not(approvedDigest(after.spec), approvedDigest(plain.spec), what)
    t.equal(after.spec.approval, undefined, what)
  }
  t.end()
})

test('what nobody approved is not approved beside another change', (t) => {
  const changed = stale(approved(plain))
  t.equal(codeOf(() => checkApproval(changed)).code, 'APPROVAL_INVALID')
  for (const [what, change] of table) {
    const { code } = codeOf(() => change(changed))
    if (/^(allow|call|extend)/.test(what)) t.equal(code, 'APPROVAL_INVALID', what)
    if (/^a policy/.test(what)) t.equal(change(changed), changed, what)
    if (/^approve/.test(what)) {
      const now = change(changed).spec
      t.strictSame(
        now.approval,
        { ...ann, digest: approvedDigest(now) },
        `${what}: a person looked at all of it`
      )
      t.ok(render(change(changed)).digest)
    }
  }
  const whole = decideCalls(changed, { ...calls(['getpgid'], []), whole: true })
  t.strictSame(whole.spec.approval, { ...ann, digest: approvedDigest(whole.spec) })
  t.end()
})

test('an approval that went out of date is given again, also where nothing new was seen', (t) => {
  // [what, the profile before somebody changed it]
  const all: [string, SeccompProfile][] = [
    ['everything observed is approved', { ...content, status: { observed: { x86_64: ['read'] } } }],
    ['nothing was ever observed', allowing(['read'])]
  ]
  for (const [what, one] of all) {
    const changed = stale(approved(one))
    for (const bind of [false, true]) {
      const after = approveObserved(changed, { ...ann, bind })
      t.strictSame(after.spec.approval, { ...ann, digest: approvedDigest(after.spec) }, what)
      t.same(after.spec.seccomp?.syscalls, changed.spec.seccomp?.syscalls, `${what}: as it stands`)
      t.equal(approveObserved(after, { ...ann, bind }), after, `${what}: once`)
    }
  }
  const parents = approved(profileOf({ extends: ['base'] }))
  const other = { ...parents, spec: { ...parents.spec, extends: ['secco-system/base'] } }
  t.equal(approveObserved(other, ann).spec.seccomp, undefined, 'a profile of parents alone')
  t.equal(codeOf(() => checkApproval(approveObserved(other, ann))).code, 'none')
  t.end()
})

test('a change that is written into a cluster carries the name of who writes it', (t) => {
  const who = { by: 'system:serviceaccount:shop:olga', at: '2026-11-20T11:00:00.000Z' }
  for (const [what, change] of table) {
    for (const before of [plain, approved(plain)]) {
      const after = change(before)
      const bound = boundChange(before, after, who)
      t.match(bound.spec.approval, { by: who.by, digest: approvedDigest(after.spec) }, what)
      t.equal(
        bound.spec.approval?.reason,
        after.spec.approval?.reason ?? after.status?.approvals?.at(-1)?.reason,
        what
      )
      t.same(bound.status?.approvals, before.status?.approvals, `${what}: the list is the hub's`)
      t.equal(boundChange(bound, bound, who), bound, `${what}: no change, no approval`)
    }
  }
  const first = boundChange(emptyOverlay(), block(emptyOverlay()), who)
  t.match(first.spec.approval, { by: who.by, reason: 'blocked release 2' })
  t.notOk('status' in first, 'no status where there was none')
  t.end()
})

test('an emergency block never waits for an approval', (t) => {
  const overlay = withBlock(approved(emptyOverlay()), parseBlock('keyctl'), ann, false)
  const after = block(stale(overlay))
  t.strictSame(after.spec.approval, {
    ...{ ...ann, reason: 'blocked release 2', digest: approvedDigest(after.spec) }
  })
  t.end()
})
