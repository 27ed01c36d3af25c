import { test } from 'tap'
import type { WorkloadLine } from '../../../../webhook/ui/model/workloads.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { Tour } from '../../../../webhook/ui/parts/tour-view.js'
import { profile } from '../rig.js'

const line = (name: string, isApproved: boolean) => {
  const spec = isApproved ? { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } } : {}
  return { key: `shop/${name}`, name, profile: { ...profile, spec } } as unknown as WorkloadLine
}

test('the tour names a workload that learns, where one does', (t) => {
  // [lines, the counts, the workload that is named]
  const table: [WorkloadLine[], RegExp, string][] = [
    [[line('api', true), line('web', false)], /1 of 2 workloads is learning/, 'web'],
    [[line('api', true)], /0 of 1 workload are learning/, 'api']
  ]
  for (const [lines, counts, name] of table) {
    const text = renderMarkup(Tour({ lines, nodes: [] }))
    t.match(text, counts)
    t.ok(text.includes(`href="/workloads/shop/${name}"`), name)
  }
  t.end()
})
