import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { boundApproval } from '../../../../src/seccomp/policy/approval.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { affected } from '../../../../src/seccomp/render/block-impact.js'
import { profileOf } from '../../../helpers/renderings.js'
import { allowing } from '../../../helpers/seccomp-profiles.js'

test('a block names the profiles that change, and those that wait for a person', (t) => {
  const ann = { by: 'ann', at: '2026-01-01T00:00:00Z' }
  const { spec } = allowing(['mount'])
  const approval = boundApproval(spec, ann)
  const status = { revision: `sha256:${'a'.repeat(64)}` }
  const other = allowing(['reboot']).spec
  const profiles: SeccompProfile[] = [
    profileOf(spec, status, 'approved'),
    profileOf(other, status, 'without'),
    profileOf({ ...other, approval }, status, 'changed'),
    profileOf({ approval }, status, 'removed'),
    profileOf({ ...other, approval }, undefined, 'never-rendered'),
    profileOf({}, undefined, 'learning')
  ]
  const overlay = withBlock(emptyOverlay(), parseBlock('mount'), { ...ann, reason: '' }, false)
  t.same(affected(profiles, undefined, overlay), {
    profiles: ['shop/approved'],
    waiting: ['shop/changed', 'shop/removed']
  })
  t.end()
})
