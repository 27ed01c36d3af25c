import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { trailOf } from '../../../../src/seccomp/review/trail.js'

test('the trail of a profile has its approvals and the blocks since the first of them', (t) => {
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
    metadata: { namespace: 'shop', name: 'web' },
    status: {
      approvals: [{ by: 'ann', at: '2026-01-02T00:00:00Z', reason: 'tested', revision: 'sha256:1' }]
    }
  }
  const decide = (overlay: SeccompProfile, what: string, day: number, remove: boolean) => {
    const block = parseBlock(what)
    const decision = { by: 'olga', at: `2026-01-0${day}T00:00:00Z`, reason: `${block.reason}: CVE` }
    return withBlock(overlay, block, decision, remove)
  }
  let overlay = decide(emptyOverlay(), 'mknod', 1, false)
  overlay = decide(overlay, 'socket:domain=AF_ALG', 3, false)
  overlay = decide(overlay, 'socket:domain=AF_ALG', 4, true)
  t.same(
    trailOf(profile, overlay).map(({ by, what, text, revision }) => [by, what, text, revision]),
    [
      ['ann', 'approved', 'tested', 'sha256:1'],
      ['olga', 'blocked', 'socket:domain=AF_ALG: CVE', ''],
      ['olga', 'unblocked', 'socket:domain=AF_ALG: CVE', '']
    ]
  )
  t.same(
    trailOf(overlay).map(({ what, text }) => `${what} ${text}`),
    [
      'blocked mknod: CVE',
      'blocked socket:domain=AF_ALG: CVE',
      'unblocked socket:domain=AF_ALG: CVE'
    ]
  )
  t.same(
    trailOf({ ...profile, status: {} }, overlay),
    [],
    'a block changes nothing without a revision'
  )
  t.end()
})
