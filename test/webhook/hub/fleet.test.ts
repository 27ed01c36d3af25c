import { test } from 'tap'
import { createRig, memoryInstaller, until } from './rig.js'

test('a node that lost a file is sent it again, as often as it does', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const installer = memoryInstaller()
  const uplink = await rig.uplink(hub.address.port, 'node-a', {
    onRevision: installer.onRevision,
    holding: installer.holding
  })
  const ref = { namespace: 'default', name: 'web' }
  const document = {
    apiVersion: 'secco.dev/v1alpha1' as const,
    kind: 'SeccompProfile' as const,
    metadata: ref,
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO' as const,
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
      }
    }
  }
  await rig.store.apply('SeccompProfile', document)
  const isReady = () =>
    until(
      () => hub.profiles().get('default/web')?.enforce?.ready === true,
      (f) => hub.onChange(f)
    )
  const isThere = () => [...installer.held.keys()].some((held) => held.endsWith(digest))
  const lose = (digest: string) => {
    installer.held.clear()
    const lost = { namespace: 'default', profile: 'web', digest, ready: false }
    uplink.report({ ...lost, code: 'NOT_FOUND', message: 'gone' })
  }
  await isReady()
  const digest = hub.profiles().get('default/web')?.enforce?.digest ?? ''
  for (let time = 0; time < 5; time += 1) {
    lose(digest)
    await until(isThere, (f) => hub.onChange(f))
    await isReady()
  }
  t.same(hub.nodes()[0]?.problems, [])

  // Nobody wants it, and the node removes it; later somebody wants the very same again.
  await rig.store.delete('SeccompProfile', ref)
  await until(
    () => hub.profiles().size === 0,
    (f) => hub.onChange(f)
  )
  lose(digest)
  await until(
    () => hub.nodes()[0]?.holding.size === 1,
    (f) => hub.onChange(f)
  )
  await rig.store.apply('SeccompProfile', document)
  await isReady()
  t.ok(isThere(), 'it was sent again')
})
