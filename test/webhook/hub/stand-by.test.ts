import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { HubCluster } from '../../../webhook/hub/nodes/hub-cluster.js'
import { localFleet } from '../../../webhook/hub/nodes/local-fleet.js'
import { until } from '../../helpers/until.js'
import { createRig, observationOf } from './rig.js'

const ref = { namespace: 'default', name: 'web' }

/** A cluster without nodes, in which this hub leads or not. */
function oneOfTwo() {
  const lease = { isOurs: false }
  let changed: (what: 'fleet' | 'writer') => void = () => undefined
  const cluster: HubCluster = {
    fleet: (own) => localFleet(own, own),
    mayWrite: () => lease.isOurs,
    referred: () => [],
    isElsewhere: () => false,
    podOf: () => undefined,
    onChange: (listener) => {
      changed = listener
      return () => undefined
    }
  }
  const lead = (isOurs: boolean) => {
    lease.isOurs = isOurs
    changed('writer')
  }
  return { cluster, lead }
}

test('a stand-by hub learns and delivers, and writes no status and no approval', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const { cluster, lead } = oneOfTwo()
  const hub = await rig.hub({ cluster, timing: { promoteMs: 20 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const stored = () => rig.store.get('SeccompProfile', ref)
  for (const nth of [1, 2]) {
    uplink.offer(observationOf(`node-a/b/${nth}`, ['read'], { ended: true }))
  }
  await uplink.flush()
  await rig.store.update('SeccompProfile', ref, (profile) => ({
    ...profile,
    spec: { ...profile.spec, promote: { afterInstances: 1, afterQuiet: '0s' } }
  }))
  await hub.flush()
  await hub.flush()
  const written = (profile: SeccompProfile | undefined) => ({
    observed: profile?.status?.observed,
    // Learning is written by the hub that learns, whether it leads or not.
    conditions: profile?.status?.conditions?.filter(({ type }) => type !== 'Learning').length,
    revision: profile?.status?.revision,
    approvals: profile?.status?.approvals?.length
  })
  const none = { conditions: 0, revision: undefined, approvals: undefined }
  t.same(written(await stored()), { observed: { x86_64: ['read'] }, ...none }, 'only what it saw')

  await rig.store.update('SeccompProfile', ref, (profile) => ({
    ...profile,
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] } }
  }))
  await until('the revision', () => hub.profiles().get('default/web')?.enforce)
  await hub.flush()
  t.same(written(await stored()), { observed: { x86_64: ['read'] }, ...none }, 'rendered here only')

  lead(true)
  await until('the status', async () => (await stored())?.status?.revision, {
    timeoutMs: 20_000
  })
  t.ok((await stored())?.status?.conditions?.some(({ type }) => type === 'Ready'))

  const isReady = () => hub.profiles().get('default/web')?.enforce?.ready
  await until('the file on its node', () => isReady() || undefined)
  await hub.flush()

  // Another hub led for a while, and wrote what it knew: whoever leads again writes it all again.
  lead(false)
  const { revision } = (await stored())?.status ?? {}
  await rig.store.update('SeccompProfile', ref, ({ status, ...profile }) => ({
    ...profile,
    status: { ...status, revision: `sha256:${'0'.repeat(64)}` }
  }))
  await hub.flush()
  t.not((await stored())?.status?.revision, revision)
  lead(true)
  const isWritten = async () => (await stored())?.status?.revision === revision || undefined
  await until('the status again', isWritten, { timeoutMs: 20_000 })

  await rig.store.update('SeccompProfile', ref, ({ spec, ...profile }) => ({
    ...profile,
    spec: { ...spec, promote: { afterInstances: 1, afterQuiet: '0s' } }
  }))
  await until('the approval by policy', async () => (await stored())?.status?.approvals?.at(-1), {
    timeoutMs: 20_000
  })
})
