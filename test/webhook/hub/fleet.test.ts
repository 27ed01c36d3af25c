import { revisionPath } from '../../../src/api/names.js'
import { test } from 'tap'
import { ContainerRef, RevisionOrigin } from '../../../src/api/gen/hub.js'
import { Fleet } from '../../../webhook/hub/fleet.js'
import type { Nodes } from '../../../webhook/hub/nodes/nodes.js'
import type { Revisions } from '../../../webhook/hub/revisions/revisions.js'
import type { Session } from '../../../webhook/hub/stream/session.js'
import { until as seen } from '../../helpers/until.js'
import { collectLog, createRig, memoryInstaller, nodeStatus, observationOf, until } from './rig.js'

test('a node gets a lost file again, each time that it loses it', async (t) => {
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
  t.equal(hub.nodes()[0]?.problems.size, 0)

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

test('changes while a satellite connects come with its welcome', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  let asked = 0
  // Asked for its greeting; later it is another one, and nobody says so.
  const status = () => ({ ...nodeStatus, attached: asked++ > 0 })
  await rig.uplink(hub.address.port, 'node-a', { status })
  await until(
    () => hub.nodes()[0]?.status?.attached === true,
    (f) => hub.onChange(f)
  )
  t.ok(asked > 1)
})

test('the hub sends bytes after a failed read, and a revision that is desired again', async (t) => {
  const ref = { namespace: 'shop', profile: 'web', digest: `sha256:${'1'.repeat(64)}` }
  const path = revisionPath(ref.namespace, ref.profile, ref.digest)
  const desired = new Map([[path, ref]])
  const disk: { bytes?: Buffer } = {}
  const revisions = {
    desired: () => desired,
    unavailable: () => new Set<string>(),
    bytes: () => Promise.resolve(disk.bytes),
    origin: () => undefined
  } as unknown as Revisions
  const nodes = { get: () => undefined } as unknown as Nodes
  const log = collectLog()
  const fleet = new Fleet({ nodes, revisions, logger: log.logger, unreadableMs: 0 })
  let next: () => Promise<Buffer | undefined> = () => Promise.resolve(undefined)
  let [lists, feeds] = [0, 0]
  const feed = (from: typeof next): void => {
    feeds += 1
    next = from
  }
  const outbox = { send: () => (lists += 1), feed }
  fleet.join({ node: 'n1', outbox, end: () => undefined } as unknown as Session)
  t.equal(await next(), undefined)
  t.equal(await next(), undefined)
  t.equal(log.lines.length, 1, 'said once')
  disk.bytes = Buffer.from('{}')
  t.ok(
    await seen('the bytes to be asked for again', async () => (feeds > 1 ? next() : undefined)),
    'there again'
  )
  t.equal(lists, 1, 'the list of revisions is the same')
  fleet.distribute()
  t.equal(await next(), undefined, 'sent once')
  desired.clear()
  fleet.distribute()
  desired.set(path, ref)
  fleet.distribute()
  t.ok(await next(), 'wanted again: the node has removed it')
})

test('a node that can keep no file does not get the same bytes for ever', async (t) => {
  const digest = `sha256:${'1'.repeat(64)}`
  const ref = { namespace: 'shop', profile: 'web', digest }
  const path = revisionPath(ref.namespace, ref.profile, digest)
  const revisions = {
    desired: () => new Map([[path, ref]]),
    unavailable: () => new Set<string>(),
    bytes: () => Promise.resolve(Buffer.from('{}')),
    origin: () => undefined
  } as unknown as Revisions
  const nodes = { get: () => undefined } as unknown as Nodes
  const fleet = new Fleet({ nodes, revisions, logger: collectLog().logger })
  let next: () => Promise<Buffer | undefined> = () => Promise.resolve(undefined)
  let sent = 0
  const outbox = { send: () => (sent += 1), feed: (from: typeof next) => (next = from) }
  const session = { node: 'n1', outbox, end: () => undefined } as unknown as Session
  fleet.join(session)
  t.ok(await next())
  const report = async (ready: boolean, code = '') => {
    const before = sent
    fleet.reported(session, { ...ref, ready, code, message: '' })
    await new Promise((wake) => setImmediate(wake))
    return sent - before
  }
  t.equal(await report(false, 'WRITE_FAILED'), 0, 'only the node can do something about its disk')
  const resent: number[] = []
  for (let time = 0; time < 6; time += 1) resent.push(await report(false, 'DIGEST_MISMATCH'))
  t.same(resent, [1, 1, 0, 0, 0, 0], 'three attempts in total')
  await report(true)
  t.equal(await report(false, 'NOT_FOUND'), 1, 'a file that was there once is sent again')
})

test('a revision for many nodes is read and encoded once, until its origin is another', async (t) => {
  const ref = { namespace: 'shop', profile: 'web', digest: `sha256:${'1'.repeat(64)}` }
  const path = revisionPath(ref.namespace, ref.profile, ref.digest)
  const state = { reads: 0, origin: RevisionOrigin.fromPartial({ generation: 1 }) }
  const revisions = {
    desired: () => new Map([[path, ref]]),
    unavailable: () => new Set<string>(),
    bytes: () => {
      state.reads += 1
      return Promise.resolve(Buffer.from('{}'))
    },
    origin: () => state.origin
  } as unknown as Revisions
  const nodes = { get: () => undefined } as unknown as Nodes
  const fleet = new Fleet({ nodes, revisions, logger: collectLog().logger })
  const messages = async (round: string) => {
    const asked: Promise<Buffer | undefined>[] = []
    const feed = (next: () => Promise<Buffer | undefined>) => void asked.push(next())
    for (let nth = 0; nth < 50; nth += 1) {
      const outbox = { send: () => undefined, feed }
      fleet.join({ node: `${round}${nth}`, outbox, end: () => undefined } as unknown as Session)
    }
    return new Set(await Promise.all(asked))
  }
  const first = await messages('a')
  t.same([first.size, state.reads], [1, 1], 'one message for all')
  t.ok([...first][0])
  await messages('b')
  t.equal(state.reads, 1, 'also for those that join later')
  state.origin = RevisionOrigin.fromPartial({ generation: 2 })
  const second = await messages('c')
  t.same([second.size, state.reads], [1, 2], 'another approval of the same content')
})

test('a workload that begins to learn sends no lists to the nodes', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const lists: number[] = []
  const onDesired = (refs: readonly unknown[]) => void lists.push(refs.length)
  const uplink = await rig.uplink(hub.address.port, 'node-a', { onDesired })
  await seen('the list of the welcome', () => lists.length > 0 || undefined)
  const before = lists.length
  for (let nth = 0; nth < 20; nth += 1) {
    const container = { id: `c${nth}`, runtime: 'runc', name: `w${nth}` }
    uplink.offer(
      observationOf(`node-a/boot/${nth}.1`, ['read'], {
        container: ContainerRef.fromPartial(container)
      })
    )
  }
  await until(
    () => hub.profiles().size === 20,
    (f) => hub.onChange(f)
  )
  await hub.flush()
  t.equal(lists.length, before)
})
