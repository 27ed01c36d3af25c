import { test } from 'tap'
import { SyscallCount } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Store } from '../../../src/store/store.js'
import { fencedStore } from '../../../webhook/fenced-store.js'
import { installationKey } from '../../../webhook/hub/history/installation.js'
import type { Hub } from '../../../webhook/hub/hub.js'
import type { HubCluster } from '../../../webhook/hub/nodes/hub-cluster.js'
import { localFleet } from '../../helpers/listed-fleet.js'
import { until } from '../../helpers/until.js'
import { createRig, observationOf } from './rig.js'

const ref = { namespace: 'default', name: 'web' }
const bound = { timeoutMs: 20_000 }

/** A cluster without nodes, in which the hubs get the lease as the test says. */
function cluster() {
  const listeners = new Map<string, (what: 'active' | 'standby') => void>()
  const addresses = new Map<string, string>()
  const lease: { holder?: string; known?: string; sign?: string } = {}
  const summary = { written: Promise.resolve(), asked: 0 }
  const hubCluster = (id: string): HubCluster => ({
    fleet: (own) => localFleet(own, own),
    isActive: () => lease.holder === id,
    isCandidate: () => true,
    activeAddress: () => (lease.known === undefined ? undefined : addresses.get(lease.known)),
    standbyAddress: () => undefined,
    lastSign: () => lease.sign,
    vacantSince: () => lease.sign,
    reported: () => [],
    referred: () => [],
    podOf: () => undefined,
    announce: () => ((summary.asked += 1), summary.written),
    onChange: (listener) => {
      listeners.set(id, listener)
      return () => undefined
    }
  })
  /** @param known the holder that others know; default the same */
  const give = (holder: string | undefined, known = holder) => {
    const before = lease.holder
    Object.assign(lease, { holder, known })
    if (before !== undefined && before !== holder) listeners.get(before)?.('standby')
    if (holder !== undefined) listeners.get(holder)?.('active')
  }
  const place = (id: string, { address }: Hub) => addresses.set(id, `127.0.0.1:${address.port}`)
  const killed = (sign: string) => Object.assign(lease, { sign })
  return { hubCluster, give, place, summary, killed }
}

/** A store that counts writes. It has no fence: a hub on standby does not even try. */
function counting(store: Store): { store: Store; writes: () => number } {
  let writes = 0
  const counted: Store = {
    ...fencedStore(store, () => true),
    apply: (kind, object) => ((writes += 1), store.apply(kind, object)),
    update: (kind, object, change) =>
      store.update(kind, object, (current) => {
        const changed = change(current)
        if (changed !== current) writes += 1
        return changed
      })
  }
  return { store: counted, writes: () => writes }
}

async function pair(coalesceMs = 10) {
  const rig = await createRig()
  const { hubCluster, give, place, summary, killed } = cluster()
  const start = async (id: string) => {
    const { store, writes } = counting(rig.store)
    const hub = await rig.hub({
      ...{ store, cluster: hubCluster(id), revisionsDir: `${rig.dir}/${id}` },
      timing: { promoteMs: 20, standbyWaitMs: 5000, coalesceMs }
    })
    place(id, hub)
    return { hub, writes }
  }
  const hubs = { one: await start('one'), two: await start('two') }
  const stored = () => rig.store.get('SeccompProfile', ref)
  return { rig, give, stored, summary, killed, ...hubs }
}

const connectedTo = ({ hub }: { hub: Hub }): string[] =>
  hub.nodes().flatMap(({ name, connected }) => (connected ? [name] : []))

test('satellites follow the active hub, and what it did not ack goes to the next one', async (t) => {
  const { rig, give, stored, one, two } = await pair()
  t.teardown(() => rig.dispose())
  give('one')
  const uplink = await rig.uplink(two.hub.address.port, 'node-a')
  await until('the active hub', () => connectedTo(one).includes('node-a') || undefined, bound)
  t.same(connectedTo(two), [], 'a standby has no satellite')

  uplink.offer(observationOf('node-a/b/1', ['read'], { ended: true }))
  await uplink.flush()
  t.same((await stored())?.status?.observed, { x86_64: ['read'] })
  const before = performance.now()
  give('two')
  await until('the next one', () => connectedTo(two).includes('node-a') || undefined, bound)
  t.comment(`${(performance.now() - before).toFixed(0)} ms`)
  t.same(one.hub.nodes(), [], 'the old one forgets what is the task of the other')
  uplink.offer(observationOf('node-a/b/2', ['write'], { ended: true }))
  await uplink.flush()
  t.same((await stored())?.status?.observed, { x86_64: ['read', 'write'] })
})

test('while no hub is active streams wait, nothing is written, and the next one serves them', async (t) => {
  const { rig, give, stored, one, two } = await pair()
  t.teardown(() => rig.dispose())
  give('one')
  const uplink = await rig.uplink(two.hub.address.port, 'node-a')
  await until('the active hub', () => connectedTo(one).includes('node-a') || undefined, bound)
  uplink.offer(observationOf('node-a/b/1', ['read'], { ended: true }))
  await uplink.flush()
  // A write that has begun is the business of the fence.
  await Promise.all([one.hub.flush(), two.hub.flush()])
  // The lease has lapsed, and the other hub still believes that the first one has it.
  give(undefined, 'one')
  const written = one.writes() + two.writes()
  uplink.offer(observationOf('node-a/b/2', ['write'], { ended: true }))
  await rig.store.update('SeccompProfile', ref, (profile) => ({
    ...profile,
    spec: { ...profile.spec, promote: { afterInstances: 1, afterQuiet: '0s' } }
  }))
  await new Promise((wake) => setTimeout(wake, 1000))
  await Promise.all([one.hub.flush(), two.hub.flush()])
  t.equal(one.writes() + two.writes(), written, 'nobody writes')
  t.same([connectedTo(one), connectedTo(two)], [[], []])
  t.same((await stored())?.status?.observed, { x86_64: ['read'] })
  give('two')
  await until('the next one', () => connectedTo(two).includes('node-a') || undefined, bound)
  await until(
    'what was learned meanwhile',
    async () => (await stored())?.status?.observed?.['x86_64']?.includes('write') || undefined,
    bound
  )
  await until(
    'the approval by policy',
    async () => (await stored())?.status?.approvals?.at(-1),
    bound
  )
})

test('what waits to be written when the role goes is left to the next hub', async (t) => {
  const { rig, give, stored, one } = await pair(5000)
  t.teardown(() => rig.dispose())
  give('one')
  const uplink = await rig.uplink(one.hub.address.port, 'node-a')
  uplink.offer(observationOf('node-a/b/1', ['read'], { ended: true }))
  await uplink.flush()
  await one.hub.flush()
  const written = one.writes()
  const denied = [SyscallCount.fromPartial({ name: 'mount', count: 1, action: 'SCMP_ACT_ERRNO' })]
  uplink.offer(observationOf('node-a/b/2', ['write'], { ended: true, denied }))
  await until('the observation', () => one.hub.denials().length > 0 || undefined, bound)
  give('other')
  await new Promise((wake) => setTimeout(wake, 6000))
  await one.hub.flush()
  t.equal(one.writes(), written)
  t.same((await stored())?.status?.observed, { x86_64: ['read'] })
  t.equal(uplink.backlog().waiting, 1, 'the satellite keeps it')
})

test('the next hub knows the denials of containers that have ended, and counts none twice', async (t) => {
  const { rig, give, stored, one, two } = await pair()
  t.teardown(() => rig.dispose())
  give('one')
  const uplink = await rig.uplink(one.hub.address.port, 'node-a')
  const denied = (count: number) => [
    SyscallCount.fromPartial({ name: 'mount', count, action: 'SCMP_ACT_ERRNO' })
  ]
  const told = ({ hub }: { hub: Hub }): string[] =>
    hub.denialRows.list().map(({ instance, syscall, count }) => `${instance} ${syscall} ${count}`)
  uplink.offer(observationOf('node-a/b/1.2.3', ['read'], { ended: true, denied: denied(3) }))
  await uplink.flush()
  t.equal(uplink.backlog().waiting, 0, 'the satellite need not send it again')
  t.same(told(one), ['node-a/b/1.2.3 mount 3'])
  // The active hub writes this condition after the observation; what it leaves, the next one writes.
  await until(
    'the condition',
    async () =>
      (await stored())?.status?.conditions?.some(({ type }) => type === 'Ready') || undefined,
    bound
  )
  const written = two.writes()
  give('two')
  await until('the denial', () => told(two).length > 0 || undefined, bound)
  t.same(told(two), told(one))
  t.equal(two.writes(), written)
  give('one')
  await until('node-a', () => connectedTo(one).includes('node-a') || undefined, bound)
  uplink.offer(observationOf('node-a/b/1.2.3', ['read'], { ended: true, denied: denied(5) }))
  await uplink.flush()
  give('two')
  await until('the calls since', () => told(two)[0]?.endsWith('5') || undefined, bound)
  t.same(told(two), ['node-a/b/1.2.3 mount 5'])
})

test('an active hub writes again what another one wrote meanwhile', async (t) => {
  const { rig, give, stored, one } = await pair()
  t.teardown(() => rig.dispose())
  const spec = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] } }
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { ...ref }, spec }
  }
  await rig.store.apply('SeccompProfile', profile)
  await until('the rendering', () => one.hub.profiles().get('default/web')?.enforce, bound)
  await one.hub.flush()
  t.equal((await stored())?.status?.revision, undefined, 'a standby renders, and writes nothing')
  give('one')
  const revision = await until('the status', async () => (await stored())?.status?.revision, bound)
  t.ok((await stored())?.status?.conditions?.some(({ type }) => type === 'Ready'))
  give('other')
  await rig.store.update('SeccompProfile', ref, ({ status, ...rest }) => ({
    ...rest,
    status: { ...status, revision: `sha256:${'0'.repeat(64)}` }
  }))
  await one.hub.flush()
  t.not((await stored())?.status?.revision, revision)
  give('one')
  const isWritten = async () => (await stored())?.status?.revision === revision || undefined
  await until('the status again', isWritten, bound)
})

test('the fence stops a write whose object was read before the role changed hands', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  let isActive = true
  const store = fencedStore(rig.store, () => isActive)
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { ...ref }, spec: {} }
  }
  await store.apply('SeccompProfile', profile)
  const late = store.update('SeccompProfile', ref, (current) => ({
    ...current,
    spec: { extends: [] }
  }))
  isActive = false
  await t.rejects(late, { code: 'UNAVAILABLE', message: /on standby/ })
  await t.rejects(store.apply('SeccompProfile', profile), { code: 'UNAVAILABLE' })
  await t.rejects(store.delete('SeccompProfile', ref), { code: 'UNAVAILABLE' })
  t.same((await store.get('SeccompProfile', ref))?.spec, {})
  t.equal((await store.list('SeccompProfile')).length, 1)
})

test('a profile is written as ready after the other replicas can read which nodes have it', async (t) => {
  const { rig, give, stored, summary, one } = await pair()
  t.teardown(() => rig.dispose())
  let publish: () => void = () => undefined
  summary.written = new Promise((done) => (publish = done))
  give('one')
  await rig.uplink(one.hub.address.port, 'node-a')
  await until('the active hub', () => connectedTo(one).includes('node-a') || undefined, bound)
  const spec = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] } }
  await rig.store.apply('SeccompProfile', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { ...ref }, spec }
  })
  await until(
    'the hub',
    () => one.hub.profiles().get('default/web')?.enforce?.ready || undefined,
    bound
  )
  const isReady = async () =>
    (await stored())?.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True'
    ) || undefined
  await until('the publication', () => summary.asked > 0 || undefined, bound)
  t.notOk(await isReady())
  publish()
  await until('the condition', isReady, bound)
})

test('the history says how each active hub ended', async (t) => {
  const { rig, give, killed, one, two } = await pair()
  t.teardown(() => rig.dispose())
  const last = (text: RegExp) =>
    until(
      String(text),
      async () => {
        const { events = [] } = (await one.hub.history.get(installationKey)) ?? {}
        const { events: others = [] } = (await two.hub.history.get(installationKey)) ?? {}
        return [...events, ...others].some((event) => text.test(event.text)) || undefined
      },
      bound
    )
  give('one')
  await last(/^hub took over, [0-9.]+$/)
  await one.hub.flush()
  killed('2099-11-24T10:30:00.123456Z')
  give('two')
  await last(
    /^hub took over, .*; the one before was killed or cut off after 2099-11-24 10:30:00 UTC$/
  )
  await two.hub.stopping()
  give('one')
  await until(
    'the orderly end',
    async () => {
      const { events = [] } = (await one.hub.history.get(installationKey)) ?? {}
      const texts = events.map(({ text }) => text.replace(/, .*?(;|$)/, '$1'))
      return texts.slice(-2).join() === 'hub stopped,hub took over' || undefined
    },
    bound
  )
})
