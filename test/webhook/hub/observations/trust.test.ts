import { test } from 'tap'
import { ContainerRef } from '../../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approvedDigest, recordedApprovals } from '../../../../src/seccomp/policy/approval.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import {
  createCardinality,
  defaultLimits
} from '../../../../webhook/hub/observations/cardinality.js'
import {
  bearerOf,
  boundedReview,
  type SatelliteIdentity
} from '../../../../webhook/hub/stream/identity.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { withLearned } from '../../../../webhook/hub/observations/learned-status.js'
import { type PlacedPod, PodCheck } from '../../../../webhook/hub/observations/pod-check.js'
import { withOutcome } from '../../../../webhook/hub/status/profile-status.js'
import { createRejections } from '../../../../webhook/hub/stream/rejections.js'
import { collectLog, observationOf } from '../rig.js'
import { until } from '../../../helpers/until.js'
import { matchLists } from '../../../helpers/match-lists.js'

const web: PlacedPod = {
  ...{ namespace: 'shop', name: 'web-1', node: 'node-a', labels: {} },
  owner: { kind: 'Deployment', name: 'web' },
  containers: [{ name: 'app', kind: 'container' }]
}

function podsOf(initial: Record<string, PlacedPod>) {
  const pods = new Map(Object.entries(initial))
  const listeners = new Set<() => void>()
  return {
    pod: (uid: string) => pods.get(uid),
    podsOn: (node: string) => [...pods.values()].filter((one) => one.node === node),
    onChange(listener: () => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    put(uid: string, pod: PlacedPod) {
      pods.set(uid, pod)
      for (const listener of listeners) listener()
    }
  }
}

const profileOf = (key: string) => ({ 'shop/mine': { container: 'app' }, 'shop/written': {} })[key]

const containerOf = (more: Partial<ContainerRef> = {}) =>
  ContainerRef.fromPartial({
    ...{ name: 'app', id: 'c', podNamespace: 'shop', podName: 'web-1', podUid: 'u1' },
    ...more
  })

test('what an ephemeral container used counts as a session, and is not learned', async (t) => {
  const containers: PlacedPod['containers'] = [
    { name: 'setup', kind: 'init' },
    { name: 'app', kind: 'container' },
    { name: 'proxy', kind: 'container' },
    { name: 'debugger-x', kind: 'ephemeral' },
    { name: 'debugger-y', kind: 'ephemeral', beside: 'proxy' }
  ]
  const labelled = { ...web, containers, name: 'own-1', labels: { 'secco.dev/profile': 'mine' } }
  const pods = podsOf({ u1: { ...web, containers }, u2: labelled })
  const check = new PodCheck({ pods, profileOf, plain: 'reject', waitMs: 30 })
  t.teardown(() => check.close())
  const own = { podUid: 'u2', podName: 'own-1' }
  for (const [container, profile, part] of [
    [{ name: 'app' }, 'web.app', 'entry'],
    [{ name: 'debugger-x' }, 'web.app', 'session'],
    [{ name: 'debugger-y' }, 'web.proxy', 'session'],
    [{ ...own, name: 'app' }, 'mine', 'entry'],
    [{ ...own, name: 'debugger-x' }, 'mine', 'session']
  ] as const) {
    const target = await check.check('node-a', containerOf(container))
    if ('reason' in target) throw new Error(target.message)
    const observation = observationOf('i', ['ptrace'])
    const finding = readObservation(observation, 'node-a', undefined, target)
    t.match(finding, { target: { ref: { name: profile } }, part }, container.name)
    if (typeof finding === 'string') continue
    const status = withLearned({}, {}, finding)
    const isEntry = part === 'entry'
    t.strictSame(isEntry ? status.observed : status.sessions, { x86_64: ['ptrace'] })
    t.equal(isEntry ? status.sessions : status.observed, undefined)
  }
})

test('a pod’s label names the profile of one of its containers', async (t) => {
  const containers: PlacedPod['containers'] = [
    { name: 'setup', kind: 'init' },
    { name: 'app', kind: 'container' },
    { name: 'proxy', kind: 'container' },
    { name: 'debugger', kind: 'ephemeral', beside: 'proxy' }
  ]
  const table: [what: string, labels: Record<string, string>, expected: string[]][] = [
    [
      'the one it was learned from',
      { 'secco.dev/profile': 'mine' },
      ['web.setup', 'mine', 'web.proxy', 'web.proxy']
    ],
    [
      'a profile without a container: every one',
      { 'secco.dev/profile': 'written' },
      ['written', 'written', 'written', 'written']
    ],
    [
      'a profile that does not exist: the first one',
      { 'secco.dev/profile': 'new' },
      ['web.setup', 'new', 'web.proxy', 'web.proxy']
    ],
    [
      'a container’s own label',
      { 'secco.dev/profile': 'mine', 'secco.dev/profile.proxy': 'new' },
      ['web.setup', 'mine', 'new', 'new']
    ],
    [
      'no name',
      { 'secco.dev/profile.proxy': '../x' },
      ['web.setup', 'web.app', 'web.proxy', 'web.proxy']
    ]
  ]
  for (const [what, labels, expected] of table) {
    const pods = podsOf({ u1: { ...web, containers, labels } })
    const check = new PodCheck({ pods, profileOf, plain: 'reject', waitMs: 30 })
    const names = await Promise.all(
      containers.map(async ({ name }) => {
        const target = await check.check('node-a', containerOf({ name }))
        return 'reason' in target ? target.reason : target.ref.name
      })
    )
    t.same(names, expected, what)
    check.close()
  }
})

test('the API server decides which profile an observation is for', async (t) => {
  const labelled = { ...web, name: 'own-1', labels: { 'secco.dev/profile': 'mine' } }
  const pods = podsOf({ u1: web, u2: labelled, mirror: { ...web, name: 'static-1' } })
  const check = new PodCheck({ pods, profileOf, plain: 'reject', waitMs: 30 })
  const cases: [string, string, Partial<ContainerRef>, string][] = [
    ['its own', 'node-a', {}, 'shop/web.app'],
    [
      'invented labels and annotations do not count',
      'node-a',
      { profile: 'other', labels: { 'pod-template-hash': 'x' } },
      'shop/web.app'
    ],
    ['the pod’s own label does', 'node-a', { podUid: 'u2', podName: 'own-1' }, 'shop/mine'],
    [
      'a static pod has another uid on its node',
      'node-a',
      { podUid: 'of-the-kubelet', podName: 'static-1' },
      'shop/web.app'
    ],
    ['another node', 'node-b', {}, 'pod-elsewhere'],
    ['another name under a known uid', 'node-a', { podName: 'web-2' }, 'pod-unknown'],
    ['another namespace under a known uid', 'node-a', { podNamespace: 'bank' }, 'pod-unknown'],
    ['a container that the pod has not', 'node-a', { name: 'other' }, 'container-unknown'],
    ['no pod', 'node-a', { podUid: '', podName: '', podNamespace: '' }, 'not-kubernetes']
  ]
  for (const [what, node, container, expected] of cases) {
    const answer = await check.check(node, containerOf(container))
    t.equal(
      'reason' in answer ? answer.reason : `${answer.ref.namespace}/${answer.ref.name}`,
      expected,
      what
    )
  }
  const late = check.check('node-a', containerOf({ podUid: 'u9', podName: 'late-1' }))
  pods.put('u9', { ...web, name: 'late-1', owner: { kind: 'Job', name: 'late' } })
  t.strictSame(
    await late,
    {
      ref: { namespace: 'shop', name: 'late.app' },
      workload: { kind: 'Job', name: 'late', container: 'app' }
    },
    'it is waited for'
  )
  check.close()

  const crowded = new PodCheck({ pods, profileOf, plain: 'reject', waitMs: 1500 })
  const unknown = (nth: number, node = 'node-a') =>
    crowded.check(node, containerOf({ podUid: `n${nth}`, podName: `new-${nth}` }))
  const waiting = Array.from({ length: 512 }, (_, nth) => unknown(nth))
  const began = performance.now()
  t.match(await unknown(512), { reason: 'pod-unknown', retryAfter: 2 })
  t.ok(performance.now() - began < 1000, 'one too many does not wait')
  const other = unknown(513, 'node-b')
  pods.put('n513', { ...web, name: 'new-513', node: 'node-b' })
  t.match(await other, { ref: { name: 'web.app' } }, 'another node has its own measure')
  t.ok((await Promise.all(waiting)).every((one) => 'reason' in one && one.retryAfter === undefined))
  crowded.close()

  const apart = new PodCheck({ pods, profileOf, plain: 'apart', waitMs: 30 })
  const plain = await apart.check(
    'node-a',
    ContainerRef.fromPartial({ name: 'nginx', profile: 'shop/web' })
  )
  t.strictSame(plain, {
    ref: { namespace: 'secco-system', name: 'plain.node-a.nginx' },
    workload: { kind: 'Container', name: 'nginx' }
  })
  apart.close()

  const finding = readObservation(observationOf('node-b/b/1', ['read']), 'node-a')
  t.match(finding, { id: 'node-a/node-b/b/1' }, 'evidence of another node is out of reach')
  t.match(readObservation(observationOf('node-a/b/1', ['read']), 'node-a'), { id: 'node-a/b/1' })
})

test('observations that wait for their pods are bounded in bytes, and go on in turns', async (t) => {
  const pods = podsOf({})
  const check = new PodCheck({ pods, profileOf, plain: 'reject', waitMs: 60_000 })
  t.teardown(() => check.close())
  const unknown = (nth: number) => containerOf({ podUid: `n${nth}`, podName: `new-${nth}` })
  const placed: string[] = []
  for (let nth = 0; nth < 8; nth += 1)
    void check.wait('node-a', unknown(nth), 1 << 20).then(() => placed.push(`n${nth}`))
  const more = await check.wait('node-a', unknown(8), 1)
  t.match(more, { reason: 'pod-unknown', retryAfter: 60 }, 'more than 8 MiB are sent again later')

  let turns = 0
  const count = (): void => {
    turns += 1
    if (placed.length < 400) setImmediate(count)
  }
  for (let nth = 0; nth < 8; nth += 1) pods.put(`n${nth}`, { ...web, name: `new-${nth}` })
  await until('the first ones', () => (placed.length === 8 ? true : undefined))
  for (let nth = 0; nth < 400; nth += 1)
    void check.wait('node-a', unknown(1000 + nth), 100).then(() => {
      // As long as it takes to accept one.
      for (const end = performance.now() + 0.2; performance.now() < end; );
      placed.push(`n${1000 + nth}`)
    })
  for (let nth = 0; nth < 400; nth += 1)
    pods.put(`n${1000 + nth}`, { ...web, name: `new-${1000 + nth}` })
  setImmediate(count)
  await until('all of them', () => (placed.length === 408 ? true : undefined))
  t.ok(turns > 2, `others had ${turns} turns meanwhile`)
  t.equal(check.known('node-a', unknown(1)) === undefined, false, 'a known pod is found at once')
})

test('limits on what the hub keeps of what satellites report', (t) => {
  const limits = {
    ...defaultLimits,
    newProfilesAtOnce: 3,
    newProfilesPerMinute: 60,
    profiles: 6,
    instancesAtOnce: 2,
    instancesPerMinute: 60
  }
  const cardinality = createCardinality(limits)
  cardinality.known('shop/old')
  const admit = (node: string, profile: string, instance: string, at = 0) =>
    cardinality.admit(node, profile, instance, at)?.reason
  t.same(
    ['1', '2', '3', '4'].map((n) => admit('a', `shop/p${n}`, n)),
    [undefined, undefined, undefined, 'new-profiles']
  )
  t.equal(admit('a', 'shop/p1', '1'), undefined, 'what was begun goes on')
  t.equal(admit('a', 'shop/old', '9'), undefined, 'what exists costs nothing')
  t.equal(admit('b', 'shop/p5', '1'), undefined, 'another node has its own measure')
  t.equal(admit('a', 'shop/p6', '6', 1000), undefined, 'in time there is more')
  t.equal(admit('b', 'shop/p7', '7', 1000), 'too-many-profiles')
  cardinality.gone('shop/p6')
  t.equal(admit('b', 'shop/p7', '7', 1000), undefined)
  t.same(
    [admit('a', 'shop/old', 'x'), admit('a', 'shop/old', 'y'), admit('b', 'shop/old', '9')],
    [undefined, 'too-many-instances', undefined],
    'a node that reports too many delays no other one'
  )

  const { logger, lines } = collectLog()
  let now = 0
  const rejections = createRejections(logger, () => now)
  for (let n = 0; n < 1000; n += 1)
    rejections.note({ reason: 'pod-unknown', message: 'm' }, { node: 'a' })
  now = 20_000
  rejections.note({ reason: 'pod-unknown', message: 'm' }, { node: 'a' })
  t.equal(rejections.counts()['pod-unknown'], 1001)
  matchLists(t, lines, [{ reason: 'pod-unknown', node: 'a' }, { unlogged: 999 }])
  t.equal(lines.length, 2)
  for (; now < 24 * 3_600_000; now += 5000)
    rejections.note({ reason: 'pod-unknown', message: 'm' }, { node: 'a' })
  t.ok(lines.length < 40, `${lines.length} lines of a day of the same rejection`)
  now += 3 * 3_600_000
  const before = lines.length
  for (let n = 0; n < 4; n += 1) {
    now += 11_000
    rejections.note({ reason: 'pod-unknown', message: 'm' }, { node: 'a' })
  }
  t.equal(lines.length - before, 3, 'after a pause it is news again')
  t.end()
})

test('rejected strangers are a few lines of the log, whatever their addresses', (t) => {
  const { logger, lines } = collectLog()
  let now = 0
  const rejections = createRejections(logger, () => now)
  const flood = (peer: (n: number) => string): number => {
    lines.length = 0
    for (let n = 0; n < 1000; n += 1)
      rejections.note({ reason: 'token-invalid', message: 'm' }, { peer: peer(n) })
    return lines.length
  }
  t.equal(
    flood((n) => `2001:db8::${n.toString(16)}:443`),
    1,
    'of one network'
  )
  t.equal(
    flood((n) => `10.0.${n >> 8}.${n & 255}:443`),
    49
  )
  rejections.note({ reason: 'pod-unknown', message: 'm' }, { node: 'a' })
  t.match(lines.at(-1), { node: 'a' }, 'a node is no stranger')
  now = 20_000
  t.ok(flood((n) => `10.1.${n >> 8}.${n & 255}:443`) <= 40)
  t.match(lines[0], { unlogged: 951 })
  t.equal(rejections.counts()['token-invalid'], 3000)
  t.end()
})

test('a token is reviewed once, and reviews are limited', async (t) => {
  let now = 0
  let asked = 0
  const answers: Record<string, SatelliteIdentity> = {
    long: { node: 'a', by: 'token', expiresAtMs: 3_600_000 },
    short: { node: 'a', by: 'token', expiresAtMs: 5000 }
  }
  const review = boundedReview(
    (token) => {
      asked += 1
      return Promise.resolve(answers[token] ?? { reason: 'token-invalid' as const, message: 'no' })
    },
    () => now,
    () => now
  )
  const count = async (token: string, fresh = false) => {
    const before = asked
    await Promise.all([review(token, fresh), review(token, fresh)])
    return asked - before
  }
  t.equal(await count('long'), 1)
  t.equal(await count('long'), 0)
  t.equal(await count('long', true), 1, 'a review again is one')
  t.equal(await count('short'), 1)
  t.equal(await count('bad'), 1)
  t.equal(await count('bad'), 0)
  now = 6000
  t.equal(await count('short'), 1, 'not beyond its own end')
  now = 121_000
  t.equal(await count('long'), 1, 'not for ever')
  let rejected = 0
  for (let n = 0; n < 5000; n += 1) await review(`invented-${n}`).catch(() => (rejected += 1))
  t.ok(rejected > 4000, `${rejected} of 5,000 invented tokens of one client were never asked about`)
  t.same(await review('long', true, '10.0.1.1'), answers['long'], 'another client is not limited')
  for (let n = 0; n < 2000; n += 1)
    await review(`more-${n}`, false, `10.1.0.${n}`).catch(() => undefined)
  const before = asked
  await t.rejects(review('last', false, '10.2.0.1'), { code: 'UNAVAILABLE', retryAfter: 1 })
  t.equal(asked, before, 'and all together are limited')
  const known = await review('short', false, '10.2.0.1')
  t.same(known, answers['short'], 'a token that was accepted before is not')
  t.same(await review('long', true, 'node-a'), answers['long'], 'nor a review again of a satellite')
  let again = 0
  for (let n = 0; n < 100; n += 1) await review('long', true, 'node-b').catch(() => (again += 1))
  t.equal(again, 80, 'of which each node has some')

  t.equal(bearerOf('Bearer a.b.c'), 'a.b.c')
  for (const header of [
    undefined,
    'a.b.c',
    'Basic x',
    'Bearer ',
    'Bearer a b',
    `Bearer ${'x'.repeat(20_000)}`
  ]) {
    t.equal(bearerOf(header), undefined)
  }
})

test('an approval is valid only for the content that was approved', (t) => {
  const at = '2026-11-24T10:00:00.000Z'
  const seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO' as const,
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
  }
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: { seccomp },
    status: { observed: { x86_64: ['read', 'write'] } }
  }
  const bound = approveObserved(profile, { by: 'olga', at, bind: true })
  t.strictSame(bound.spec.approval, { by: 'olga', at, digest: approvedDigest(bound.spec) })
  t.equal(bound.status?.approvals, undefined, 'the status is the hub’s')
  t.equal(approveObserved(bound, { by: 'olga', at: 'later', bind: true }), bound, 'once is enough')
  t.not(approvedDigest({ seccomp }), approvedDigest({ seccomp, extends: ['secco-system/base'] }))
  t.equal(
    approvedDigest({ seccomp: { syscalls: seccomp.syscalls, defaultAction: 'SCMP_ACT_ERRNO' } }),
    approvedDigest({ seccomp }),
    'the order of keys says nothing'
  )
  const render = (one: SeccompProfile) =>
    renderProfile(one, {
      mode: 'enforce',
      resolve: (_, name) => (name === 'web' ? bad : undefined)
    })
  const bad: SeccompProfile = {
    ...bound,
    spec: { ...bound.spec, seccomp: { ...seccomp, syscalls: [] } }
  }
  t.ok(render(bound).digest)
  t.throws(() => render(bad), { code: 'APPROVAL_INVALID', message: /olga approved sha256:/ })
  const child: SeccompProfile = {
    ...profile,
    metadata: { namespace: 'shop', name: 'child' },
    spec: { seccomp, extends: ['web'] }
  }
  t.throws(() => render(child), { code: 'APPROVAL_INVALID' }, 'nor through extends')

  const rendered = {
    state: 'rendered' as const,
    digest: `sha256:${'a'.repeat(64)}`,
    audit: `sha256:${'b'.repeat(64)}`,
    readiness: { ready: 1, total: 1, waiting: [], failed: [] }
  }
  const recorded = withOutcome(bound, rendered, at, at)
  matchLists(t, recorded.status?.approvals, [{ by: 'olga', revision: rendered.digest }])
  t.equal(recordedApprovals(recorded, 'later'), recorded.status?.approvals, 'once')
  matchLists(t, withOutcome(profile, rendered, at, at).status?.approvals, [{ by: 'unnamed', at }])
  t.equal(withOutcome(profile, rendered, at).status?.approvals, undefined, 'not outside a cluster')
  t.end()
})
