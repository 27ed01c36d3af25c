import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { ContainerRef } from '../../../../src/api/gen/hub.js'
import { emptyHistory } from '../../../../src/history/workload-history.js'
import { KnownRuns } from '../../../../webhook/hub/observations/known-runs.js'
import { createRig, observationOf, until } from '../rig.js'

const container = (more: Partial<ContainerRef>) =>
  ContainerRef.fromPartial({ id: 'c1', runtime: 'runc', name: 'c1', ...more })

test('a container that ended while its satellite was away is no new workload', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const instance = (epoch: number) => `node-a/boot+${epoch}/40265.1.1`
  const times = { firstSeen: '2026-11-24T10:00:00.000Z', lastSeen: '2026-11-24T10:00:01.000Z' }
  const named = container({ profile: 'default/web' })
  uplink.offer(observationOf(instance(1), ['read'], { ...times, container: named }))
  await uplink.flush()
  const profilesOf = async () =>
    (await rig.store.list('SeccompProfile')).map(({ metadata }) => metadata.name)
  t.same(await profilesOf(), ['web'])
  await hub.close()
  await rm(join(rig.dir, 'revisions'), { recursive: true })
  const again = await rig.hub({ listen: hub.address })
  await until(
    () => again.nodes()[0]?.connected === true,
    (listener) => again.onChange(listener)
  )
  const [ended, left] = [{ sequence: 2, ended: true, ...times }, container({})]
  uplink.offer(observationOf(instance(2), ['read', 'write'], { ...ended, container: left }))
  await uplink.flush()
  t.same(await profilesOf(), ['web'], 'it is still of the profile that its label named')
  uplink.offer(observationOf('node-a/boot/40265.2.1', ['read'], { ...ended, container: left }))
  await uplink.flush()
  t.same((await profilesOf()).sort(), ['c1', 'web'], 'another run of that name is not')
})

test('a run is known of the node, the place and the id that were identified', (t) => {
  const runs = new KnownRuns()
  const target = {
    ref: { namespace: 'default', name: 'web' },
    workload: { kind: 'Container', name: 'web' }
  }
  const known = { target, container: container({ profile: 'default/web' }) }
  runs.note('n1', 'n1/boot/1.1.1', {
    ...known,
    container: { ...known.container, labels: { a: 'b' } }
  })
  runs.note('n1', 'n1/boot/1.2.1', { target, container: container({}) })
  for (const [what, node, id, asked, wanted] of [
    ['the same', 'n1', 'n1/boot+7/1.1.4', container({}), known],
    ['identified again', 'n1', 'n1/boot/1.1.1', container({ name: 'other' }), undefined],
    ['of a pod', 'n1', 'n1/boot/1.1.1', container({ podUid: 'u' }), undefined],
    ['another node', 'n2', 'n1/boot/1.1.1', container({}), undefined],
    ['another id', 'n1', 'n1/boot/1.1.1', container({ id: 'c2', name: 'c2' }), undefined],
    ['never identified', 'n1', 'n1/boot/1.2.1', container({}), undefined],
    ['no container', 'n1', 'n1/boot/1.1.1', undefined, undefined]
  ] as const) {
    t.strictSame(runs.of(node, id, asked), wanted, what)
  }
  t.end()
})

test('what a container of a deleted pod did is still of its profile, for its node and its names', (t) => {
  const runs = new KnownRuns()
  const ref = { namespace: 'shop', name: 'web.app' }
  const target = { ref, workload: { kind: 'Deployment', name: 'web', container: 'app' } }
  const ofPod = { name: 'app', podNamespace: 'shop', podName: 'web-1', podUid: 'u' }
  runs.note('n1', 'n1/boot/1.1.1', { target, container: container(ofPod) })
  // [what, node, instance, what the node says, whether it is known]
  const table: [string, string, string, Partial<ContainerRef>, boolean][] = [
    ['the same', 'n1', 'n1/boot/1.1.1', {}, true],
    ['after a restart of the satellite', 'n1', 'n1/boot+7/1.1.4', {}, true],
    ['of another node', 'n2', 'n1/boot/1.1.1', {}, false],
    ['another run', 'n1', 'n1/boot/1.2.1', {}, false],
    ['another container', 'n1', 'n1/boot/1.1.1', { id: 'c2' }, false],
    ['another pod', 'n1', 'n1/boot/1.1.1', { podName: 'web-2' }, false],
    ['another namespace', 'n1', 'n1/boot/1.1.1', { podNamespace: 'bank' }, false]
  ]
  for (const [what, node, instance, more, isKnown] of table) {
    const found = runs.ofGone(node, instance, container({ ...ofPod, ...more }))
    t.same(found, isKnown ? target : undefined, what)
  }
  runs.forget('shop', 'web.app')
  t.equal(
    runs.ofGone('n1', 'n1/boot/1.1.1', container(ofPod)),
    undefined,
    'its profile was deleted'
  )
  t.end()
})

const target = (name: string) => ({
  ref: { namespace: 'default', name },
  workload: { kind: 'Container', name }
})

test('a node does not push out the runs of others, and those of a deleted profile are forgotten', (t) => {
  const runs = new KnownRuns(10)
  const known = (name: string) => ({
    target: target(name),
    container: container({ profile: name })
  })
  for (const node of ['n1', 'n2', 'n3']) runs.note(node, `${node}/boot/1.1.1`, known('web'))
  for (let nth = 1; nth < 50; nth += 1) runs.note('n4', `n4/boot/${nth}.1.1`, known('job'))
  const names = (node: string, nth = 1) =>
    runs.of(node, `${node}/boot/${nth}.1.1`, container({}))?.target.ref.name
  t.same(
    ['n1', 'n2', 'n3'].map((node) => names(node)),
    ['web', 'web', 'web']
  )
  t.same([names('n4', 1), names('n4', 43), names('n4', 49)], [undefined, 'job', 'job'])
  runs.forget('default', 'web')
  t.same([names('n1'), names('n4', 49)], [undefined, 'job'])
  t.end()
})

test('of a history, only runs whose end is not known can bring more', (t) => {
  const runs = new KnownRuns()
  const start = { node: 'n1', at: '2026-11-24T10:00:00.000Z', complete: true, container: 'c1' }
  runs.learn({
    ...emptyHistory(
      { namespace: 'default', kind: 'Container', name: 'web', container: '' },
      '2026-11-24T10:00:00.000Z'
    ),
    profiles: ['default/web'],
    starts: [
      { ...start, run: 'n1/boot/1.1' },
      { ...start, run: 'n1/boot/2.1', ended: '2026-11-24T11:00:00.000Z' }
    ]
  })
  const of = (nth: number) => runs.of('n1', `n1/boot/${nth}.1.1`, container({}))?.target.ref.name
  t.same([of(1), of(2)], ['web', undefined])
  t.end()
})
