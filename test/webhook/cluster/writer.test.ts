import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import { createClusterCache } from '../../../webhook/cluster/watch/cluster-view.js'
import type { EventRecorder } from '../../../webhook/cluster/events/events.js'
import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import { startWriter } from '../../../webhook/cluster/writer.js'
import { collectLog } from '../hub/rig.js'
import { testRule } from '../../helpers/rules.js'
import { until } from '../../helpers/until.js'
import { rawPod } from './cluster-objects.js'

test('a pod gets its events once, however often this hub becomes leader', async (t) => {
  const view = createClusterCache()
  const said: string[] = []
  const lease = { mine: true }
  const writer = await startWriter({
    ...{ view, rules: () => [], logger: collectLog().logger },
    store: { watch: () => Promise.resolve(() => undefined) } as unknown as Store,
    events: {
      record: ({ name }: { name: string }) => said.push(name),
      flush: () => Promise.resolve()
    } as unknown as EventRecorder,
    snapshot: () => buildSnapshot({ rules: [], profiles: [] }),
    mayWrite: () => lease.mine
  })
  t.teardown(() => writer.close())
  const pod = (name: string) => ({
    ...readPod(rawPod),
    ...{ uid: name, name, createdAt: new Date().toISOString() },
    assigned: '{"app":{"outcome":"runtime-default","reason":"not-ready"}}'
  })
  view.putPod(pod('web-1'))
  lease.mine = false
  view.putPod(pod('web-2'))
  t.same(said, ['web-1'])
  lease.mine = true
  writer.begin()
  writer.begin()
  t.same(said, ['web-1', 'web-2'], 'the one that came in a lapse, and no other again')
  view.removePod('web-2')
  view.putPod(pod('web-2'))
  t.same(said.length, 3, 'what is gone is forgotten')
})

test('only the leader writes: conditions of rules, events of profiles', async (t) => {
  const written: string[] = []
  const lease = { mine: false }
  const rule = testRule('web', { podSelector: {}, profile: { name: 'none' } })
  let follow: Parameters<Store['watch']>[0] = () => undefined
  const recorded: string[] = []
  const writer = await startWriter({
    ...{ view: createClusterCache(), rules: () => [rule], logger: collectLog().logger, everyMs: 5 },
    store: {
      watch: (listener: typeof follow) => {
        follow = listener
        return Promise.resolve(() => undefined)
      },
      update: (_kind: string, { name }: { name: string }, change: (one: object) => object) => {
        if (change(rule) !== rule) written.push(name)
        return Promise.resolve(rule)
      }
    } as unknown as Store,
    events: {
      record: ({ name }: { name: string }) => recorded.push(name),
      flush: () => Promise.resolve()
    } as unknown as EventRecorder,
    snapshot: () => buildSnapshot({ rules: [rule], profiles: [] }),
    mayWrite: () => lease.mine
  })
  t.teardown(() => writer.close())
  const profile = (count: number) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1' as const, kind: 'SeccompProfile' as const },
    metadata: { namespace: 'shop', name: 'web', uid: 'u' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } },
    status: {
      approvals: Array.from({ length: count }, () => ({
        ...{ by: 'ann', at: '2026-01-01T00:00:00Z', revision: '' }
      }))
    }
  })
  const change = (count: number) => follow({ type: 'applied', object: profile(count) })
  change(0)
  writer.update()
  change(1)
  await new Promise((wake) => setTimeout(wake, 50))
  t.same([written, recorded], [[], []], 'a stand-by hub writes nothing')
  lease.mine = true
  writer.update()
  change(2)
  await until('the condition', () => written.length > 0 || undefined)
  t.same(written, ['web'])
  t.same(recorded, ['web'], 'what changed before is not told later')
})
