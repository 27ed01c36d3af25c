import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { ContainerRef } from '../../../src/api/gen/hub.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { profileOf } from '../../src/store/contract.js'
import { createRig, memoryInstaller, nodeStatus, observationOf, until } from './rig.js'
import { matchLists } from '../../helpers/match-lists.js'
import { until as seen } from '../../helpers/until.js'

test('the loop: learned, approved, delivered, ready; and again after a restart', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const ref = { namespace: 'default', name: 'web' }
  const hub = await rig.hub()
  const installer = memoryInstaller()
  const desired: number[] = []
  const uplink = await rig.uplink(hub.address.port, 'node-a', {
    onRevision: installer.onRevision,
    holding: installer.holding,
    onDesired: (refs) => void desired.push(refs.length)
  })
  await until(
    () => hub.nodes()[0]?.connected === true,
    (f) => hub.onChange(f)
  )
  uplink.offer(observationOf('node-a/b/1', ['read', 'write'], { ended: true }))
  uplink.offer(
    observationOf('node-a/b/2', ['read', 'mmap'], {
      denied: [{ name: 'mmap', count: 1, action: 'SCMP_ACT_ERRNO', detail: undefined }]
    })
  )
  await uplink.flush()
  await seen('everything to be acked', () => uplink.backlog().waiting === 0 || undefined)
  const learned = await (await openDirectoryStore(join(rig.dir, 'objects'))).get(
    'SeccompProfile',
    ref
  )
  t.same(learned?.status?.observed, { x86_64: ['read', 'write'] }, 'durable when acked')
  t.same(learned?.spec, { workload: { kind: 'Container', name: 'web' } })
  t.equal(learned?.status?.instances?.length, 2)
  const early = (learned?.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
  matchLists(t, early, [{ type: 'Learning', status: 'True' }])
  matchLists(t, hub.denials(), [{ syscall: 'mmap', profile: 'web', node: 'node-a' }])
  t.equal((await rig.log.seen(/"denial"/))['syscall'], 'mmap')
  await hub.flush()
  t.match(hub.profiles().get('default/web'), { approved: false })
  const { conditions = [] } = (await rig.store.get('SeccompProfile', ref))?.status ?? {}
  t.strictSame(
    conditions.map(({ type, status, reason }) => [type, status, reason]).sort(),
    [
      ['Learning', 'True', 'InstancesRunning'],
      ['Ready', 'False', 'NotApproved']
    ],
    'what learns can be waited for before anything else happens'
  )

  const approve = (names: string[]) =>
    rig.store.update('SeccompProfile', ref, (p) => ({
      ...p,
      spec: {
        ...p.spec,
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
        }
      }
    }))
  const state = (from = hub) => from.profiles().get('default/web')
  await approve(['read', 'write'])
  await until(
    () => state()?.enforce?.ready === true && state()?.audit?.ready === true,
    (f) => hub.onChange(f)
  )
  const first = state()?.enforce?.digest
  t.equal(installer.held.size, 2, 'enforce and audit')
  await hub.flush()
  const ready = await rig.store.get('SeccompProfile', ref)
  t.equal(ready?.status?.revision, first)
  t.same(ready?.status?.nodes, { ready: 1, total: 1 })
  matchLists(t, ready?.status?.conditions, [
    { type: 'Learning' },
    { type: 'Ready', status: 'True', reason: 'AllNodesReady' }
  ])

  installer.fail('WRITE_FAILED')
  await approve(['read', 'write', 'listen'])
  await until(
    () => state()?.enforce?.digest !== first,
    (f) => hub.onChange(f)
  )
  t.equal(state()?.enforce?.ready, false)
  await until(
    () => hub.nodes()[0]?.problems.size === 2,
    (f) => hub.onChange(f)
  )
  await hub.flush()
  await hub.flush()
  matchLists(t, (await rig.store.get('SeccompProfile', ref))?.status?.conditions, [
    { type: 'Learning' },
    {
      ...{ type: 'Ready', status: 'False', reason: 'NodeReportsError' },
      message: /node-a: injected/
    }
  ])
  t.match(state()?.previous, { digest: first, ready: true })

  await hub.close()
  installer.fail(undefined)
  const again = await rig.hub({ listen: hub.address })
  t.match(
    state(again)?.previous,
    { digest: first, ready: true },
    'the previous one survives a restart'
  )
  await until(
    () => state(again)?.enforce?.ready === true,
    (f) => again.onChange(f)
  )
  await again.flush()
  t.match((await rig.store.get('SeccompProfile', ref))?.status, {
    previousRevision: first,
    nodes: { ready: 1, total: 1 }
  })
  t.ok(desired.includes(3), 'enforce, audit, previous')
  uplink.offer(observationOf('node-a/b/3', ['futex']))
  await uplink.flush()
  t.ok((await rig.store.get('SeccompProfile', ref))?.status?.observed?.x86_64?.includes('futex'))

  await writeFile(join(rig.dir, 'objects', 'default', 'seccompprofiles', 'broken.yaml'), 'spec: [')
  await rig.log.seen(/STORE_CORRUPT.*broken/)
  uplink.offer(
    observationOf('node-a/b/4', ['brk'], {
      container: ContainerRef.fromPartial({ name: 'broken' })
    })
  )
  uplink.offer(observationOf('node-a/b/5', ['brk']))
  await rig.log.seen(/broken.*observations not written/)
  await until(
    () => uplink.backlog().waiting === 1,
    (f) => {
      const timer = setInterval(f, 5)
      return () => clearInterval(timer)
    }
  )
  t.ok(
    (await rig.store.get('SeccompProfile', ref))?.status?.observed?.x86_64?.includes('brk'),
    'the rest goes on'
  )
})

test('what every revision depends on: the emergency overlay and the runtimes', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  let runtimes = [{ name: 'runc', version: '1.1.5' }]
  const hub = await rig.hub()
  const uplink = await rig.uplink(hub.address.port, 'node-a', {
    status: () => ({ ...nodeStatus, runtimes })
  })
  const digest = () => hub.profiles().get('shop/web')?.enforce?.digest ?? ''
  const document = (
    namespace: string,
    name: string,
    action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'
  ) => {
    const { apiVersion, kind } = profileOf('shop', 'x')
    const syscalls = [{ names: ['socket'], action }]
    return {
      apiVersion,
      kind,
      metadata: { namespace, name },
      spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls } }
    }
  }
  const changes = async (from: string, what: string) => {
    await until(
      () => digest() !== '' && digest() !== from,
      (f) => hub.onChange(f)
    )
    t.pass(what)
    return digest()
  }
  await until(
    () => hub.nodes()[0]?.connected === true,
    (f) => hub.onChange(f)
  )
  await rig.store.apply('SeccompProfile', document('shop', 'web', 'SCMP_ACT_ALLOW'))
  const first = await changes('', 'rendered')
  await rig.store.apply('SeccompProfile', document('secco-system', 'emergency', 'SCMP_ACT_ERRNO'))
  const second = await changes(first, 'an emergency renders everything again')
  t.notOk(hub.profiles().has('secco-system/emergency'), 'and is no revision itself')
  await rig.store.delete('SeccompProfile', { namespace: 'secco-system', name: 'emergency' })
  t.equal(await changes(second, 'its end too'), first, 'to what was before')
  runtimes = [{ name: 'runc', version: '1.3.3' }]
  await uplink.close()
  await rig.uplink(hub.address.port, 'node-a', { status: () => ({ ...nodeStatus, runtimes }) })
  await changes(first, 'a new runtime makes a new revision')
})
