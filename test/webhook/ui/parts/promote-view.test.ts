import { test } from 'tap'
import { newPodsOf } from '../../../../src/seccomp/review/new-pods.js'
import type { WorkloadLine } from '../../../../webhook/ui/model/workloads.js'
import { PromotePanel } from '../../../../webhook/ui/parts/promote-view.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { profile } from '../rig.js'

test('promote panel: a canary on a node that does not record shows a warning', (t) => {
  const message = 'denials are not recorded: n1: records nothing (--record off)'
  const panel = (status: 'True' | 'False') => {
    const condition = { type: 'QuietUnproven', status, reason: 'x', message }
    const spec = {
      ...profile.spec,
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
      ladder: {
        mode: 'enforce',
        canary: {
          percent: 5,
          from: { mode: 'audit' },
          startedAt: '2026-01-01T00:00:00Z',
          quietFor: '10m'
        }
      }
    }
    const line = {
      ...{ key: 'shop/web', state: 'audit', containers: 1 },
      profile: { ...profile, spec, status: { ...profile.status, conditions: [condition] } }
    } as unknown as WorkloadLine
    return renderMarkup(PromotePanel({ line, may: true, offered: true, now: 0 }))
  }
  t.match(panel('True'), /data-canary[^]*A node did not record denials[^]*n1: records nothing/)
  t.match(panel('False'), /data-canary/)
  t.notMatch(panel('False'), /did not record/)
  t.end()
})

test('promote panel: the share is of the pods that can get the profile', (t) => {
  const spec = {
    ...profile.spec,
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
    ladder: { mode: 'audit' }
  }
  const line = {
    ...{ key: 'shop/web', mode: 'audit', state: 'audit', containers: 1 },
    profile: { ...profile, spec }
  } as unknown as WorkloadLine
  const { name } = profile.metadata
  const text = renderMarkup(PromotePanel({ line, may: true, offered: true, now: 0 }))
  t.match(text.replace(/\s+/g, ' '), `A share of the ${newPodsOf(name)}. 100 %: all at once.`)
  t.end()
})
