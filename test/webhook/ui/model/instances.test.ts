import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { heardOf } from '../../../../webhook/ui/model/instances.js'
import { createContainerIndex } from '../../../../webhook/ui/model/containers.js'
import { node, profile, startUiRig } from '../rig.js'
import { runningItem } from '../running-item.js'

type Instance = NonNullable<NonNullable<SeccompProfile['status']>['instances']>[number]

const first = '2026-01-01T10:00:00.000Z'
const instance = (id: string, firstSeen = first, more: Partial<Instance> = {}): Instance => ({
  ...{ id, node: id.split('/')[0] ?? '', complete: true, ended: false, firstSeen },
  ...{ lastSeen: firstSeen, ...more }
})
const later = '2026-01-01T12:00:00.000Z'
const runs = (names: readonly string[]) =>
  names.map((pod) => ({ ...runningItem('shop', pod, 'app'), learned: 'shop/checkout.app' }))

const cases: [string, listed: readonly string[], Instance[], heard: string[]][] = [
  ['one runs', ['a'], [instance('node-1/b/1.2.3')], ['node-1/b/1.2.3']],
  ['it ended', [], [instance('node-1/b/1.2.3')], []],
  ['its end was seen', ['a'], [instance('node-1/b/1.2.3', first, { ended: true })], []],
  [
    'one ended unseen, and another runs',
    ['a'],
    [instance('node-1/b/1.2.3'), instance('node-1/b/4.5.6', later)],
    ['node-1/b/4.5.6']
  ],
  [
    'a satellite that was restarted counts it again',
    ['a'],
    [instance('node-1/b/1.2.3'), instance('node-1/b+x/1.2.9', later)],
    ['node-1/b+x/1.2.9']
  ],
  ['it is on another node', ['a'], [instance('node-2/b/1.2.3')], []]
]

for (const [what, listed, instances, heard] of cases) {
  test(`when an instance was last heard of: ${what}`, (t) => {
    const containers = createContainerIndex(runs(listed))
    const sources = { containers: () => containers, nodes: () => [node] }
    const found = heardOf({ ...profile, status: { instances } }, sources)
    t.strictSame(
      [...found],
      heard.map((id) => [id, node.lastSeen])
    )
    t.end()
  })
}

test('pages show how old what they say is', async (t) => {
  const away = { ...node, connected: false, lastSeen: '2026-01-01T23:57:00.000Z' }
  const object = {
    ...profile,
    status: { ...profile.status, instances: [instance('node-1/b/1.2.3')] }
  }
  const clock = '2026-01-02T00:00:00.000Z'
  const status = { ...object.status, lastNew: '2026-01-01T23:59:30.000Z' }
  const rig = await startUiRig({
    ...{ nodes: () => [away], inventory: () => runs(['a']), clock },
    objects: [{ ...object, status }]
  })
  t.teardown(() => rig.app.close())
  const body = async (url: string) => (await rig.get(url)).body.replace(/<[^>]*>/g, ' ')
  t.match(await body('/nodes'), /node-1\s+containerd\s+away: as it was\s+.*\s+3 min ago/)
  const workload = '/workloads/shop/checkout.app'
  t.match(await body(workload), /nothing new for 30s/)
  t.match(await body(workload), /10:00:00 UTC\s+14 h ago\s+.*23:57:00 UTC\s+3 min ago/)
  rig.pass(20_000)
  t.match(await body(workload), /nothing new for 50s/, 'what is kept is never of earlier')
})
