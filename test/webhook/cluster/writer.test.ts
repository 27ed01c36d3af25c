import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import { createClusterCache } from '../../../webhook/cluster/watch/cluster-view.js'
import type { EventRecorder } from '../../../webhook/cluster/events/events.js'
import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import { startWriter } from '../../../webhook/cluster/writer.js'
import { collectLog } from '../hub/rig.js'
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
    ...{ uid: name, name, createdAt: new Date().toISOString() }
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
