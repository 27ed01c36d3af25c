import { connect } from 'node:http2'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { credentials, status } from '@grpc/grpc-js'
import {
  ContainerRef,
  Hello,
  HubClient,
  Observation,
  SatelliteMessage
} from '../../../src/api/gen/hub.js'
import { SeccoError } from '../../../src/errors.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { validateObject } from '../../../src/api/validate.js'
import type { Abi } from '../../../src/seccomp/abi.js'
import { fromBitmap } from '../../../src/seccomp/bitmap.js'
import { mergeArguments } from '../../../src/seccomp/merge-arguments.js'
import type { SyscallSet } from '../../../src/seccomp/syscall-set.js'
import { digestOf } from '../../../src/seccomp/digest.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import type { Store } from '../../../src/store/store.js'
import { setCondition } from '../../../webhook/hub/conditions.js'
import { mostInstances, withFindings } from '../../../webhook/hub/evidence.js'
import { nodeView } from '../../../webhook/hub/node-view.js'
import { createNodes, type NodeState } from '../../../webhook/hub/nodes.js'
import { type Finding, readObservation } from '../../../webhook/hub/observations.js'
import { createPace } from '../../../webhook/hub/pace.js'
import { readinessOf, readyCondition } from '../../../webhook/hub/readiness.js'
import { objectNameOf, ownerOf, targetOf } from '../../../webhook/hub/workload.js'
import { profileOf } from '../../src/store/contract.js'
import { collectLog, createRig, memoryInstaller, nodeStatus, observationOf, until } from './rig.js'

const time = '2026-11-24T10:00:00.000Z'

test('which profile a container is learned into', (t) => {
  const owners: [string, Record<string, string>, string, string][] = [
    ['web-7d4b9c6f5-x2x9z', { 'pod-template-hash': '7d4b9c6f5' }, 'Deployment', 'web'],
    [
      'a-very-long-name-that-was-cut-x2x9z',
      { 'pod-template-hash': 'zz' },
      'Deployment',
      'a-very-long-name-that-was-cut'
    ],
    [
      'db-0',
      { 'apps.kubernetes.io/pod-index': '0', 'controller-revision-hash': 'db-1' },
      'StatefulSet',
      'db'
    ],
    ['agent-kx2m9', { 'controller-revision-hash': '5d8' }, 'DaemonSet', 'agent'],
    ['once-abcde', { 'batch.kubernetes.io/job-name': 'once' }, 'Job', 'once'],
    ['tidy-28955340-abcde', { 'job-name': 'tidy-28955340' }, 'CronJob', 'tidy'],
    ['bare', { app: 'x' }, 'Pod', 'bare']
  ]
  for (const [pod, labels, kind, name] of owners) t.same(ownerOf(pod, labels), { kind, name }, pod)

  const pod = { podNamespace: 'shop', podName: 'bare', name: 'app' }
  const refs: [Partial<ContainerRef>, string | undefined][] = [
    [pod, 'shop/bare.app'],
    [{ ...pod, profile: 'mine' }, 'shop/mine'],
    [{ ...pod, profile: 'other/mine' }, 'shop/bare.app'],
    [{ ...pod, profile: '../etc' }, 'shop/bare.app'],
    [{ name: 'nginx' }, 'default/nginx'],
    [{ name: 'nginx', profile: 'shop/web' }, 'shop/web'],
    [{ name: 'nginx', profile: 'a..b' }, 'default/nginx'],
    [{ id: 'abc123' }, 'default/abc123'],
    [{}, undefined]
  ]
  for (const [container, expected] of refs) {
    const target = targetOf(ContainerRef.fromPartial(container))
    t.equal(target && profileKey(target.ref.namespace, target.ref.name), expected)
  }
  t.match(objectNameOf('My_App'), /^my-app-[0-9a-f]{8}$/)
  t.not(objectNameOf('My_App'), objectNameOf('my_app'), 'different texts, different names')
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      const name = objectNameOf(text)
      return (
        /^[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?$/.test(name) &&
        objectNameOf(name) === name &&
        !name.includes('..')
      )
    })
  )
  t.end()
})

test('an observation is checked, and refused calls are not learned', (t) => {
  const given = Observation.fromPartial({
    id: 'n/b/1',
    container: { name: 'web', id: 'c' },
    abis: [
      {
        abi: 'x86_64',
        syscalls: [
          { name: 'read', count: 9 },
          { name: 'mount', count: 2 },
          { name: 'ptrace', count: 3 },
          { name: 'syscall_999', count: 1 },
          { name: '__proto__', count: 1 },
          { name: 'BAD NAME', count: 1 }
        ]
      },
      { abi: 'i386', syscalls: [{ name: 'mount', count: 1 }] },
      { abi: 'mips', syscalls: [{ name: 'read', count: 1 }] }
    ],
    denied: [
      { name: 'mount', count: 2, action: 'SCMP_ACT_ERRNO', detail: undefined },
      { name: 'ptrace', count: 3, action: 'SCMP_ACT_LOG' }
    ]
  })
  const finding = readObservation(given, 'n') as Finding
  t.same(finding.set, {
    x86_64: ['__proto__', 'ptrace', 'read', 'syscall_999'].filter((n) => n !== '__proto__')
  })
  t.equal(finding.dropped.length, 2)
  t.same(
    finding.denials.map(({ syscall, count }) => [syscall, count]),
    [
      ['mount', 2],
      ['ptrace', 3]
    ]
  )
  const partly = readObservation(
    {
      ...given,
      denied: [{ name: 'mount', count: 1, action: 'SCMP_ACT_ERRNO', detail: undefined }]
    },
    'n'
  )
  t.ok(
    (partly as Finding).set.x86_64?.includes('mount'),
    'refused once, but let through once as well'
  )
  const rich = readObservation(
    Observation.fromPartial({
      ...{ id: 'n/b/2', part: 'entry', container: { name: 'web', id: 'c', runtime: 'runc' } },
      abis: [
        {
          abi: 'x86_64',
          syscalls: ['read', 'mount', 'socket'].map((name) => ({ name, count: 2 }))
        },
        { abi: 'i386', syscalls: [{ name: 'mount', count: 2 }] }
      ],
      denied: [
        {
          ...{ name: 'mount', count: 2, action: 'SCMP_ACT_ERRNO' },
          detail: {
            abi: 'x86_64',
            errno: 1,
            pid: 7,
            comm: '<script>"\n\u001b[31m',
            expected: false
          }
        }
      ],
      startup: [{ abi: 'x86_64', names: ['read', 'mount', 'invented'] }],
      serving: [{ abi: 'mips', names: ['read'] }],
      arguments: [
        { abi: 'x86_64', name: 'socket', index: 0, values: ['010', '2', '99999999999999999999'] },
        { abi: 'x86_64', name: 'mount', index: 0, values: ['1'] },
        { abi: 'x86_64', name: 'socket', index: 9, values: ['1'] }
      ],
      events: ['stop', 'start', '<b>'],
      lost: 3
    }),
    'n',
    nodeStatus
  ) as Finding
  t.match(rich, {
    ...{
      part: 'entry',
      lost: 3,
      events: ['start', 'stop'],
      kernel: '6.18.0',
      runtime: 'runc 1.1.5'
    },
    set: { x86_64: ['read', 'socket'], i386: ['mount'] },
    denials: [{ abi: 'x86_64', syscall: 'mount', errno: 1, pid: 7, comm: '<script>"\n\u001b[31m' }]
  })
  t.same(rich.startup, { x86_64: ['read'] }, 'nothing refused, nothing invented')
  t.same(rich.serving, {})
  t.same(rich.arguments, [{ abi: 'x86_64', name: 'socket', index: 0, values: ['2', '10'] }])
  t.type(readObservation({ ...given, id: '' }, 'n'), 'string')
  t.type(readObservation({ ...given, container: undefined }, 'n'), 'string')
  t.end()
})

test('findings merge the same in any order, any number of times', (t) => {
  const target = {
    ref: { namespace: 'default', name: 'web' },
    workload: { kind: 'Container', name: 'web' }
  }
  const names = fc.subarray(['read', 'write', 'mmap', 'exit', 'futex'])
  const finding = fc.record({
    node: fc.constantFrom('a', 'b'),
    id: fc.constantFrom<string>('1', '2', '3'),
    ...{ names, startup: names, serving: names },
    abi: fc.constantFrom('x86_64' as const, 'i386' as const),
    values: fc.array(fc.nat(40).map(String), { maxLength: 20 }),
    events: fc.subarray(['start', 'serve', 'stop', 'probe']),
    lost: fc.nat(2),
    complete: fc.boolean(),
    ended: fc.boolean()
  })
  type Given = typeof finding extends fc.Arbitrary<infer T> ? T : never
  const setOf = (abi: Abi, given: string[]): SyscallSet =>
    given.length === 0 ? {} : { [abi]: [...given].sort() }
  const toFinding = (g: Given): { node: string; finding: Finding } => ({
    node: g.node,
    finding: {
      target,
      id: `${g.node}/${g.id}`,
      // One instance is one part for all its life.
      part: g.id.startsWith('1') ? 'entry' : g.id === '2' ? 'probe' : 'session',
      set: setOf(g.abi, g.names),
      startup: setOf(g.abi, g.startup),
      serving: setOf(g.abi, g.serving),
      arguments: mergeArguments([{ abi: g.abi, name: 'ioctl', index: 1, values: g.values }]),
      ...{ complete: g.complete, ended: g.ended, lost: g.lost, events: g.events },
      ...{ image: 'web:1', runtime: 'runc 1.1.5', kernel: '6.18.0', firstSeen: time },
      ...{ sequence: 1, lastSeen: time, denials: [], dropped: [] }
    }
  })
  fc.assert(
    fc.property(
      fc.array(finding, { maxLength: 12 }),
      fc.nat(),
      fc.constantFrom<SeccompProfile['spec']>(
        {},
        { learn: { sessions: true } },
        { learn: { probes: false } }
      ),
      (given, cut, spec) => {
        const all = given.map(toFinding)
        const at = all.length === 0 ? 0 : cut % all.length
        const start = { ...profileOf('default', 'web'), spec }
        const once = withFindings(start, all, time)
        const turned = [...all.slice(at), ...all.slice(0, at), ...all.slice(0, at)]
        const other = turned.reduce((profile, one) => withFindings(profile, [one], time), start)
        t.same(other, once)
        t.equal(withFindings(once, all, time), once, 'nothing new: the same object')
      }
    ),
    { numRuns: 60 }
  )
  const shape = {
    ...{
      abi: 'x86_64' as const,
      startup: [] as string[],
      serving: ['read'],
      values: ['5'],
      lost: 0
    },
    ...{ complete: true, ended: false, node: 'a' as const, events: ['start'] }
  }
  const three = ['1', '2', '3'].map((id, at) =>
    toFinding({ ...shape, id, names: [['read'], ['write'], ['mmap']][at] ?? [] })
  )
  const learn = (spec: SeccompProfile['spec']) =>
    withFindings({ ...profileOf('default', 'web'), spec }, three, time)
  t.same(learn({}).status?.observed, { x86_64: ['read', 'write'] }, 'sessions are apart')
  t.same(learn({}).status?.sessions, { x86_64: ['mmap'] })
  t.same(learn({}).status?.probes, { x86_64: ['write'] })
  t.same(learn({ learn: { probes: false } }).status?.observed, { x86_64: ['read'] })
  const chosen = withFindings({ ...learn({}), spec: { learn: { sessions: true } } }, three, time)
  t.same(chosen.status?.observed, { x86_64: ['mmap', 'read', 'write'] }, 'a choice made later')
  const [entry] = learn({}).status?.instances ?? []
  t.same(fromBitmap('x86_64', entry?.observed?.x86_64 ?? ''), ['read'])
  t.match(entry, { part: 'entry', runtime: 'runc 1.1.5', kernel: '6.18.0', events: ['start'] })
  t.match(learn({}).status?.conditions, [{ message: /^2 syscalls observed in 1 instance,/ }])
  validateObject(learn({}), 'learned')
  const many = Array.from({ length: 200 }, (_, n) =>
    toFinding({ ...shape, id: `1-${n}`, names: ['read'], ended: n > 3 })
  )
  const bounded = withFindings(profileOf('default', 'web'), many, time)
  t.equal(bounded.status?.lastNew, time)
  const later = withFindings(bounded, many.slice(0, 1), '2026-11-25T10:00:00.000Z')
  t.equal(later.status?.lastNew, time, 'nothing new: the clock of quiet goes on')
  t.equal(bounded.status?.instances?.length, mostInstances)
  t.match(bounded.status?.conditions, [{ type: 'Learning', reason: /Instances/ }])
  t.end()
})

test('readiness, conditions and pace', (t) => {
  const nodes = createNodes([])
  const digest = `sha256:${'a'.repeat(64)}`
  const path = `secco/shop/web/${'a'.repeat(64)}.json`
  const revision = { namespace: 'shop', profile: 'web', digest, ready: true, code: '', message: '' }
  const hello = (node: string, holding: string[] = []) => ({
    node,
    bootId: '',
    version: '',
    status: undefined,
    holding,
    takesAcksTogether: false
  })
  const reason = (atMs = Date.parse(time)) =>
    readyCondition(readinessOf(path, nodes.counted(atMs, 60_000)), 1).reason
  t.equal(reason(), 'NoNodes')
  nodes.connected(hello('one', ['nonsense', path]), time)
  t.equal(reason(), 'AllNodesReady')
  nodes.connected(hello('two'), time)
  t.equal(reason(), 'WaitingForNodes')
  t.equal(
    nodes.revision('two', { ...revision, profile: 'twin' }),
    true,
    'same digest, another file'
  )
  t.equal(reason(), 'WaitingForNodes')
  t.equal(
    nodes.revision('two', {
      ...revision,
      ready: false,
      code: 'WRITE_FAILED',
      message: 'disk full'
    }),
    true
  )
  t.equal(reason(), 'NodeReportsError')
  t.match(nodeView(nodes.get('two') as NodeState), {
    name: 'two',
    conditions: [{ reason: 'WRITE_FAILED' }]
  })
  t.equal(nodes.revision('two', revision), true)
  t.equal(nodes.revision('two', revision), false, 'no news')
  t.equal(reason(), 'AllNodesReady')
  nodes.connected(hello('three'), time)
  nodes.disconnected('three', time)
  t.equal(reason(), 'WaitingForNodes', 'a node that is away counts for a while')
  t.equal(reason(Date.parse(time) + 61_000), 'AllNodesReady')

  const condition = { type: 'Ready', status: 'True' as const, reason: 'A', message: 'a' }
  const first = setCondition([], condition, 'then')
  t.equal(setCondition(first, condition, 'now'), first)
  t.equal(setCondition(first, { ...condition, message: 'b' }, 'now')[0]?.lastTransitionTime, 'then')
  t.equal(
    setCondition(first, { ...condition, status: 'False' }, 'now')[0]?.lastTransitionTime,
    'now'
  )

  const pace = createPace(10, 2)
  t.same([pace.take(0), pace.take(0), pace.take(0)], [0, 0, 100])
  t.equal(pace.take(1000), 0)
  t.end()
})

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
  t.equal(uplink.backlog().waiting, 0, 'everything acked')
  const learned = await (await openDirectoryStore(join(rig.dir, 'objects'))).get(
    'SeccompProfile',
    ref
  )
  t.same(learned?.status?.observed, { x86_64: ['read', 'write'] }, 'durable when acked')
  t.same(learned?.spec, { workload: { kind: 'Container', name: 'web' } })
  t.equal(learned?.status?.instances?.length, 2)
  t.match(learned?.status?.conditions, [{ type: 'Learning', status: 'True' }])
  t.match(hub.denials(), [{ syscall: 'mmap', profile: 'web', node: 'node-a' }])
  t.equal((await rig.log.seen(/"denial"/))['syscall'], 'mmap')
  await hub.flush()
  t.match(hub.profiles().get('default/web'), { approved: false })

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
  t.match(ready?.status?.conditions, [
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
    () => hub.nodes()[0]?.problems.length === 2,
    (f) => hub.onChange(f)
  )
  await hub.flush()
  await hub.flush()
  t.match((await rig.store.get('SeccompProfile', ref))?.status?.conditions?.[1], {
    reason: 'NodeReportsError',
    message: /node-a: injected/
  })
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
  await rig.log.seen(/observations wait.*broken/)
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
  const second = await changes(first, 'an emergency renders everything anew')
  t.notOk(hub.profiles().has('secco-system/emergency'), 'and is no revision itself')
  await rig.store.delete('SeccompProfile', { namespace: 'secco-system', name: 'emergency' })
  t.equal(await changes(second, 'its end too'), first, 'to what was before')
  runtimes = [{ name: 'runc', version: '1.3.3' }]
  await uplink.close()
  await rig.uplink(hub.address.port, 'node-a', { status: () => ({ ...nodeStatus, runtimes }) })
  await changes(first, 'a new runtime makes a new revision')
})

test('who may talk: foreign authorities, other names, no certificate', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const { port } = hub.address
  const foreign = join(rig.dir, 'foreign')
  const stranger = await rig.clientTls('node-x', foreign)
  await rig.uplink(port, 'node-x', { tls: { ...stranger, ca: rig.serverTls.ca } })
  t.match(await rig.log.seen(/connection refused/), { code: 'UNAUTHENTICATED', peerName: 'node-x' })
  await rig.log.seen(/no hub: the hub cut the connection/)

  await rig.uplink(port, 'node-y', { tls: await rig.clientTls('node-z') })
  t.match(await rig.log.seen(/Hello names node/), {
    level: 'warn',
    node: 'node-z',
    code: 'UNAUTHENTICATED'
  })
  await rig.log.seen(/no hub: the hub refuses this node/)

  const misled = collectLog()
  await rig.uplink(port, 'node-w', {
    tls: await rig.clientTls('node-w', foreign),
    logger: misled.logger
  })
  await misled.seen(/not signed by this node's authority/)
  t.same(hub.nodes(), [], 'nobody came in')

  const real = await rig.uplink(port, 'node-a')
  await rig.log.seen(/connected to the hub/)
  hub.setCertificate(rig.serverTls)
  t.throws(() => hub.setCertificate({ ...rig.serverTls, key: stranger.key }), {
    code: 'CERTIFICATE_INVALID'
  })
  t.equal(real.connected, true)
})

test('acks come after the write is durable, never before', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const gates: (() => void)[] = []
  let fail = true
  const held: Store = {
    ...rig.store,
    update: async (kind, ref, change) => {
      if (fail) throw new SeccoError('WRITE_FAILED', 'injected: no space')
      const done = await rig.store.update(kind, ref, change)
      await new Promise<void>((resolve) => gates.push(resolve))
      return done
    }
  }
  const hub = await rig.hub({ store: held })
  const uplink = await rig.uplink(hub.address.port, 'node-a', { timing: { flushMs: 100 } })
  uplink.offer(observationOf('node-a/b/1', ['read']))
  await rig.log.seen(/observations wait: injected/)
  await uplink.flush()
  t.equal(uplink.backlog().waiting, 1, 'a failed write is not acked')
  await rig.store.apply('SeccompProfile', profileOf('default', 'web'))
  fail = false
  await until(
    () => gates.length > 0,
    (f) => {
      const timer = setInterval(f, 5)
      return () => clearInterval(timer)
    }
  )
  t.equal(uplink.backlog().waiting, 1, 'nor is one that is not yet finished')
  const opener = setInterval(() => gates.shift()?.(), 5)
  t.teardown(() => clearInterval(opener))
  await until(
    () => uplink.backlog().waiting === 0,
    (f) => {
      const timer = setInterval(f, 5)
      return () => clearInterval(timer)
    }
  )
  t.same(
    (await rig.store.get('SeccompProfile', { namespace: 'default', name: 'web' }))?.status
      ?.observed,
    { x86_64: ['read'] }
  )
})

test('peers that misbehave: stalled, silent, too large, rude, twice the same', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  await rig.store.apply('SeccompProfile', profileOf('default', 'web', ['read']))
  const hub = await rig.hub({
    render: (_profile, { mode }) => {
      const json = JSON.stringify({ mode, padding: 'x'.repeat(300_000) })
      return { json, digest: digestOf(json) }
    },
    timing: { stallMs: 200, heartbeatMs: 400 }
  })
  const open = async (node: string) => {
    const { ca, key, cert } = await rig.clientTls(node)
    const pem = [ca, key, cert].map((text) => Buffer.from(text))
    const client = new HubClient(`localhost:${hub.address.port}`, credentials.createSsl(...pem))
    const call = client.connect()
    t.teardown(() => client.close())
    const failed = new Promise<{ code: number }>((resolve) =>
      call.on('error', (error) => resolve(error as unknown as { code: number }))
    )
    const hello = () =>
      call.write({
        body: { $case: 'hello', value: Hello.fromPartial({ node, status: nodeStatus }) }
      })
    return { call, failed, hello }
  }
  // grpc-js reads ahead whatever the application does: a reader that stalls is made of bare HTTP/2.
  const { ca, key, cert } = await rig.clientTls('stalled')
  const session = connect(`https://localhost:${hub.address.port}`, { ca, key, cert })
  const bare = session.request({
    ':method': 'POST',
    ':path': '/secco.v1alpha1.Hub/Connect',
    'content-type': 'application/grpc',
    te: 'trailers'
  })
  const cut = new Promise((resolve) => bare.on('close', resolve))
  for (const emitter of [session, bare]) emitter.on('error', () => undefined)
  const message = SatelliteMessage.encode({
    body: { $case: 'hello', value: Hello.fromPartial({ node: 'stalled', status: nodeStatus }) }
  }).finish()
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  bare.write(Buffer.concat([header, message]))
  t.match(await rig.log.seen(/stopped reading/), { node: 'stalled' })
  await cut

  const silent = await open('silent')
  silent.call.resume()
  silent.hello()
  t.match(await rig.log.seen(/is silent/), { node: 'silent' })
  await silent.failed

  const large = await open('large')
  large.call.resume()
  large.hello()
  large.call.write({
    body: { $case: 'observation', value: observationOf('x'.repeat(2_000_000), ['read']) }
  })
  t.equal((await large.failed).code, status.RESOURCE_EXHAUSTED)

  const rude = await open('rude')
  rude.call.resume()
  rude.call.write({ body: { $case: 'heartbeat', value: { sequence: 1 } } })
  t.equal((await rude.failed).code, status.FAILED_PRECONDITION)

  const first = await open('twin')
  first.call.resume()
  first.hello()
  await until(
    () => hub.nodes().some(({ name, connected }) => name === 'twin' && connected),
    (f) => hub.onChange(f)
  )
  const second = await open('twin')
  second.call.resume()
  second.hello()
  t.equal(
    (await first.failed).code,
    status.ABORTED,
    'the newer connection of a node replaces the older'
  )
  t.ok(hub.nodes().some(({ name, connected }) => name === 'twin' && connected))
  second.call.cancel()
})

test('a policy approves when its gates are met, and leaves risky names to people', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const ref = { namespace: 'default', name: 'web' }
  const hub = await rig.hub({ timing: { promoteMs: 50 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const offer = (n: number, names: string[]) =>
    uplink.offer(observationOf(`node-a/b/${n}`, names, { ended: true }))
  offer(1, ['read', 'ptrace'])
  await uplink.flush()
  await rig.store.update('SeccompProfile', ref, (profile) => ({
    ...profile,
    spec: { ...profile.spec, promote: { afterInstances: 2, afterQuiet: '1s' } }
  }))
  await hub.flush()
  const stored = () => rig.store.get('SeccompProfile', ref)
  t.equal((await stored())?.spec.seccomp, undefined, 'one instance is not enough')
  offer(2, ['read', 'write', 'mount'])
  await uplink.flush()
  await hub.flush()
  t.equal((await stored())?.spec.seccomp, undefined, 'nor is a set that grew just now')
  // Time alone makes it ready: no event comes, only the hub's own look at the clock.
  t.match(await rig.log.seen(/approved by policy/), { profile: 'web', by: 'policy' })
  await hub.flush()
  const after = await stored()
  t.same(after?.spec.seccomp?.syscalls, [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }])
  t.match(after?.status?.approvals, [
    {
      by: 'policy',
      revision: /^sha256:/,
      reason: /2 instances from the first instruction.*left to a person: mount, ptrace/
    }
  ])
  t.equal(hub.profiles().get('default/web')?.approved, true, 'and it is rendered')
  await hub.flush()
  t.equal((await stored())?.status?.approvals?.length, 1, 'once')
})
