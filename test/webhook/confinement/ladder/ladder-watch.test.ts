import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import {
  audit,
  enforce,
  replicas,
  type Status,
  start,
  watching
} from '../../../helpers/ladder-replicas.js'
import { instance } from '../../../helpers/instances.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('enforceAfter: a replica does not enforce what would deny syscalls on another one’s nodes', async (t) => {
  const all = replicas()
  const quiet = all.replica((node) => node === 'n2', { n1: watching })
  const busy = all.replica((node) => node === 'n1', { n2: watching })
  t.teardown(async () => {
    await quiet.close()
    await busy.close()
  })
  const mode = () => all.profile().spec.ladder?.mode
  const status = () => all.profile().status?.conditions?.map((one) => `${one.type} ${one.status}`)
  await quiet.look()
  await busy.look()
  busy.denied('n2')
  await busy.look()
  t.same(status(), ['WouldDeny True'])
  all.pass(2 * 3_600_000)
  await quiet.look()
  await quiet.look()
  t.equal(mode(), 'audit', 'the hour is over, but n2 is connected to the other replica')
  t.same(status(), ['WouldDeny True'])
  // A person muted it: the hub that wrote the condition ends it, and the next scan enforces.
  all.mute('getsid')
  await busy.look()
  t.same(status(), ['WouldDeny False'])
  t.equal(mode(), 'audit', 'not in the same scan')
  await quiet.look()
  t.equal(mode(), 'enforce')
})

test('enforceAfter: what would be denied is no condition once the policy is removed', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, { n1: watching })
  t.teardown(() => one.close())
  const status = () =>
    all.profile().status?.conditions?.map(({ type, status }) => `${type} ${status}`)
  await one.look()
  one.denied('n1')
  await one.look()
  t.same(status(), ['WouldDeny True'])
  all.stand({ mode: 'audit' })
  await one.look()
  t.same(status(), ['WouldDeny False'])
})

test('enforceAfter: without denials anywhere one replica enforces', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, { n1: watching })
  t.teardown(() => one.close())
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce')
  t.equal(all.profile().status?.conditions, undefined, 'no condition was written')
})

test('enforceAfter: no policy enforces a profile whose start was not recorded', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, { n1: watching })
  t.teardown(() => one.close())
  const late = instance(0, ['read'], { complete: false })
  all.record([late])
  await one.look()
  all.pass(3 * 3_600_000)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
  all.record([late, instance(1, ['read'])])
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce', 'after a first start in audit')
})

test('enforceAfter: no policy enforces a revision that denies what recorded starts called', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, { n1: watching })
  t.teardown(() => one.close())
  all.record([instance(0, ['read', 'listen'])], ['read', 'listen'])
  all.approve(['read'])
  await one.look()
  all.pass(3 * 3_600_000)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
  all.approve(['listen', 'read'])
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce', 'once the call is approved')
})

test('enforceAfter: what was rolled back is not enforced again by a policy', async (t) => {
  for (const [action, mode] of [
    ['promote', 'enforce'],
    ['return', 'audit'],
    ['rollback', 'audit']
  ] as const) {
    const all = replicas()
    all.stand({ mode: 'audit', enforceAfter: '1h' }, action)
    const one = all.replica(() => false, { n1: watching })
    t.teardown(() => one.close())
    await one.look()
    all.pass(2 * 3_600_000)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, mode, `after ${action}`)
  }
})

test('enforceAfter and a canary: the time before the hub knows denials does not count', async (t) => {
  const hour = 3_600_000
  const step = { percent: 50, quietFor: '1h', startedAt: new Date(start).toISOString() }
  const canary = { ...step, from: { mode: 'audit' as const }, maxDenials: 0, maxRestarts: 0 }
  for (const [what, ladder, under] of [
    ['enforceAfter', { mode: 'audit', enforceAfter: '1h' }, audit],
    ['a canary', { mode: 'enforce', canary }, enforce]
  ] as const) {
    const all = replicas()
    all.stand(ladder)
    const hub = all.replica(() => false, { n1: watching }, under, start + hour)
    t.teardown(() => hub.close())
    const isOver = () => {
      const now = all.profile().spec.ladder
      return now?.mode === 'enforce' && now.canary === undefined
    }
    await hub.look()
    all.pass(hour + 60_000)
    await hub.look()
    t.notOk(isOver(), `${what}: only a minute of that hour is known`)
    all.pass(hour)
    await hub.look()
    t.ok(isOver(), what)
  }
})

const off = { record: 'off', attached: false, tracingUnavailable: 'recording is switched off' }
const unprofiled = { ...watching, record: 'unprofiled' }
const blind = {
  '--record off': { status: off, why: /n1: records nothing \(--record off\)/ },
  'no tracing': {
    status: { ...watching, attached: false, tracingUnavailable: 'no BTF' },
    why: /n1: cannot trace: no BTF/
  },
  detached: { status: { ...unprofiled, attached: false }, why: /n1: has nothing attached/ }
}
const conditionsOf = ({ status }: SeccompProfile) => status?.conditions ?? []

for (const [what, { status, why }] of Object.entries(blind)) {
  test(`enforceAfter: the silence of a node is no proof: ${what}`, async (t) => {
    const all = replicas()
    const one = all.replica(() => false, { n1: status })
    t.teardown(() => one.close())
    await one.look()
    all.pass(3_600_001)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, 'audit')
    const unproven = { type: 'QuietUnproven', status: 'True', message: why }
    matchLists(t, conditionsOf(all.profile()), [unproven])
    // Time that was not recorded does not count later either.
    one.tell('n1', watching)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, 'audit', 'it begins to watch')
    matchLists(t, conditionsOf(all.profile()), [{ type: 'QuietUnproven', status: 'False' }])
    all.pass(3_600_001)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, 'enforce')
  })
}

test('enforceAfter: time without containers does not count', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, {})
  t.teardown(() => one.close())
  await one.look()
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
})

test('a canary: only recording nodes count', async (t) => {
  const table: [string, Record<string, Status>, boolean][] = [
    ['always', { n1: watching }, true],
    // The hook is detached as soon as nothing else needs it.
    ['unprofiled, attached for somebody else', { n1: unprofiled }, false],
    ['off', { n1: off }, false],
    ['one of two', { n1: off, n2: watching }, true]
  ]
  for (const [what, on, completes] of table) {
    const all = replicas()
    all.stand({ mode: 'enforce', canary })
    const one = all.replica(() => false, on, enforce)
    await one.look()
    all.pass(600_001)
    await one.look()
    t.equal(all.profile().spec.ladder?.canary === undefined, completes, what)
    const said = conditionsOf(all.profile()).map(({ type, status }) => `${type} ${status}`)
    t.strictSame(said, completes ? [] : ['QuietUnproven True'], what)
    await one.close()
  }
  // It was off for the first nine of ten minutes.
  const all = replicas()
  all.stand({ mode: 'enforce', canary })
  const one = all.replica(() => false, { n1: off }, enforce)
  t.teardown(() => one.close())
  all.pass(540_000)
  await one.look()
  one.tell('n1', watching)
  await one.look()
  all.pass(60_001)
  await one.look()
  t.ok(all.profile().spec.ladder?.canary, 'a minute is watched')
  all.pass(540_000)
  await one.look()
  t.equal(all.profile().spec.ladder?.canary, undefined)
})

test('enforceAfter: an hour in which no container ran does not count', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, {})
  t.teardown(() => one.close())
  await one.look()
  all.pass(2 * 3_600_000)
  await one.look()
  one.tell('n1', watching)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit', 'its first container begins')
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce')
})

const canary = {
  ...{ percent: 25, from: { mode: 'audit' as const }, quietFor: '10m' },
  startedAt: new Date(start).toISOString()
}

test('a canary whose first pod comes late is recorded for the same time', async (t) => {
  const all = replicas()
  all.stand({ mode: 'enforce', canary })
  const one = all.replica(() => false, {}, enforce)
  t.teardown(() => one.close())
  await one.look()
  all.pass(660_000)
  one.tell('n1', watching)
  await one.look()
  t.ok(all.profile().spec.ladder?.canary, 'it begins')
  all.pass(600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.canary, undefined)
})

const condition = (profile: SeccompProfile) =>
  conditionsOf(profile).map(({ type, status }) => `${type} ${status}`)

for (const [what, under, ladder, is] of [
  [
    'enforceAfter',
    audit,
    { mode: 'audit', enforceAfter: '10m' },
    { mode: 'enforce', enforceAfter: '10m' }
  ],
  ['a canary', enforce, { mode: 'enforce', canary }, { mode: 'enforce' }]
] as const) {
  test(`${what}: after a takeover the wait begins when a node records`, async (t) => {
    const all = replicas()
    all.stand(ladder)
    const before = all.replica(() => false, { n1: off }, under)
    await before.look()
    all.pass(600_001)
    await before.close()
    // The node of the condition has not connected; another one ran it all the time and records now.
    const next = all.replica((node) => node === 'n1', { n2: watching }, under)
    t.teardown(() => next.close())
    for (const look of ['the first look', 'the next look']) {
      await next.look()
      t.same(all.profile().spec.ladder, ladder, look)
      t.same(condition(all.profile()), ['QuietUnproven False'], look)
    }
    all.pass(600_001)
    await next.look()
    t.same(all.profile().spec.ladder, is)
  })

  test(`${what}: another replica knows from the object what was not watched`, async (t) => {
    const all = replicas()
    all.stand(ladder)
    const before = all.replica(() => false, { n1: off }, under)
    await before.look()
    all.pass(600_001)
    await before.look()
    t.same(condition(all.profile()), ['QuietUnproven True'])
    await before.close()
    // This one took over, and the satellite records now.
    const moved = all.replica((node) => node === 'n1', { n1: watching }, under)
    await moved.look()
    t.same(all.profile().spec.ladder, ladder, 'the wait begins now')
    await moved.close()
    for (const after of ['it records', 'and the hub restarted']) {
      const next = all.replica(() => false, { n1: watching }, under)
      await next.look()
      await next.look()
      t.same(condition(all.profile()), ['QuietUnproven False'])
      t.same(all.profile().spec.ladder, ladder, after)
      all.pass(300_000)
      await next.close()
    }
    const last = all.replica(() => false, { n1: watching }, under)
    t.teardown(() => last.close())
    all.pass(1)
    await last.look()
    t.same(all.profile().spec.ladder, is)
  })

  test(`${what}: that nobody watches stands while nobody does`, async (t) => {
    const all = replicas()
    all.stand(ladder)
    const one = all.replica(() => false, { n1: off }, under)
    await one.look()
    one.leave('n1')
    await one.look()
    t.same(condition(all.profile()), ['QuietUnproven True'], 'away')
    await one.close()
    const idle = all.replica(() => false, {}, under)
    t.teardown(() => idle.close())
    await idle.look()
    t.same(condition(all.profile()), ['QuietUnproven True'], 'nothing runs')
    // A person took the step.
    all.stand({ mode: 'enforce', enforceAfter: '10m' })
    await idle.look()
    t.same(condition(all.profile()), ['QuietUnproven False'])
  })
}
