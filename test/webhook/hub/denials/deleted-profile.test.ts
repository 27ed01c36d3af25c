import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { historiesOf } from '../../../../webhook/confinement/history/history-routes.js'
import type { Hub } from '../../../../webhook/hub/hub.js'
import { createRig, observationOf, until } from '../rig.js'

const at = '2026-11-24T10:00:00.000Z'
const digest = `sha256:${'a'.repeat(64)}`

/** A report of calls that the container was denied under a revision. */
const denied = (count: number) =>
  observationOf('node-a/boot/40265.1.1', ['read'], {
    ...{ sequence: count, firstSeen: at, lastSeen: at, revision: digest },
    denied: [
      {
        ...{ name: 'getsid', count, action: 'SCMP_ACT_ERRNO' },
        detail: {
          ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'app', at, firstAt: at },
          ...{ expected: false, succeeded: 0, arguments: '' }
        }
      }
    ]
  })

test('what was denied under a deleted profile is known, also after a restart', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const rowsOf = (one: Hub) =>
    one.denialRows.list().map(({ profile, count, revision }) => [profile, count, revision])
  const historyOf = async (one: Hub) => {
    const asked = { text: 'web', namespace: 'default' }
    const { items } = await historiesOf(one.history, asked, () => true)
    return items.flatMap(({ denials }) => denials.map(({ profile, count }) => [profile, count]))
  }
  uplink.offer(denied(3))
  await uplink.flush()
  const isMarked = () => hub.denialRows.list()[0]?.deleted !== undefined
  t.notOk(isMarked())
  await rig.store.delete('SeccompProfile', { namespace: 'default', name: 'web' })
  await until(isMarked, (listener) => {
    const timer = setInterval(listener, 10)
    return () => clearInterval(timer)
  })
  t.same(rowsOf(hub), [['web', 3, digest]])
  t.same(await historyOf(hub), [['web', 3]])
  // The container runs on, under the same filter; its workload is learned into a new profile.
  uplink.offer(denied(4))
  await uplink.flush()
  t.ok(isMarked())
  t.same(rowsOf(hub), [['web', 4, digest]])
  await hub.close()

  const again = await rig.hub()
  t.match(again.denialRows.list(), [{ count: 4, deleted: String }])
  t.same(await historyOf(again), [['web', 4]])
  await again.close()
  await rm(join(rig.dir, 'revisions'), { recursive: true })
  const onEmptyDisk = await rig.hub()
  t.same(rowsOf(onEmptyDisk), [['web', 4, digest]])
})

test('what was denied under a profile that is deleted while no hub runs is marked, for good', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const first = await rig.hub()
  const uplink = await rig.uplink(first.address.port, 'node-a')
  uplink.offer(denied(3))
  await uplink.flush()
  await uplink.close()
  await first.flush()
  await first.close()
  await rig.store.delete('SeccompProfile', { namespace: 'default', name: 'web' })
  const next = await rig.hub()
  const [{ deleted = '' } = {}] = next.denialRows.list()
  t.match(next.denialRows.list(), [{ count: 3, deleted: String }])
  await next.close()
  const again = await rig.hub()
  t.match(again.denialRows.list(), [{ count: 3, deleted }])
})
