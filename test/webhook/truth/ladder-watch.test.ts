import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/log.js'
import type { Store } from '../../../src/store/store.js'
import { createDenialRows } from '../../../webhook/hub/denial-rows.js'
import type { Denial } from '../../../webhook/hub/denial.js'
import type { NodeState } from '../../../webhook/hub/nodes.js'
import type { ContainerView } from '../../../webhook/truth/container-views.js'
import { createHearing } from '../../../webhook/truth/hearing.js'
import { startLadderWatch } from '../../../webhook/truth/ladder-watch.js'
import type { Truth } from '../../../webhook/truth/truth.js'
import { testProfile, testRevision } from '../../helpers/rules.js'

const audit = testRevision('shop', 'web', 'b')
const enforce = testRevision('shop', 'web', 'e')
const watching = { record: 'always', attached: true, tracingUnavailable: '' }
type Status = typeof watching
const start = Date.parse('2026-01-01T00:00:00Z')

/** Replicas of the hub on one object, each with what its own nodes told. */
function replicas() {
  let now = start
  let profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
      ladder: { mode: 'audit', enforceAfter: '1h' }
    }
  }
  const store = {
    update: (_kind: string, _ref: object, edit: (one: SeccompProfile) => SeccompProfile) => {
      profile = edit(profile)
      return Promise.resolve(profile)
    }
  } as unknown as Store
  const state = testProfile('shop', 'web', { audit, enforce })
  return {
    profile: () => profile,
    stand: (ladder: SeccompProfile['spec']['ladder']) => {
      profile = { ...profile, spec: { ...profile.spec, ladder } } as SeccompProfile
    },
    pass: (ms: number) => (now += ms),
    /** One container on each node. */
    replica(isElsewhere: (node: string) => boolean, on: Record<string, Status>, under = audit) {
      const denialRows = createDenialRows()
      const told = new Map(Object.entries(on))
      const pin = { name: 'pin', works: true, message: '' }
      const nodes = () =>
        [...told].map(([name, status]) => ({
          ...{ name, connected: true, status: { ...status, capabilities: [pin] } }
        })) as unknown as NodeState[]
      const list = () =>
        [...told.keys()].map((node) => ({
          ...{ key: node, node, profile: 'shop/web', revision: under.digest, learned: '' },
          state: under === audit ? 'audit' : 'enforced'
        })) as ContainerView[]
      const hearing = createHearing({
        ...{ nodes, isAudit: (one) => one.state === 'audit', now: () => now },
        views: { list, onChange: () => () => undefined }
      })
      const truth = {
        hearing,
        sources: {
          hub: { denialRows, profiles: () => new Map([['shop/web', state]]) },
          ...{ store, isElsewhere, now: () => now },
          logger: createLogger('test', { write: () => undefined })
        },
        views: { list },
        restarts: { of: () => 0 }
      } as unknown as Truth
      const watch = startLadderWatch(truth, () => [profile])
      return {
        ...{ look: () => watch.look(), close: () => watch.close() },
        tell: (node: string, status: Status) => void told.set(node, status),
        refused(node: string) {
          const at = new Date(now).toISOString()
          const denial = {
            ...{ node, instance: `${node}/1`, container: 'c', containerName: 'app', comm: 'app' },
            ...{ namespace: 'shop', profile: 'web', revision: audit.digest, syscall: 'getsid' },
            ...{ action: 'SCMP_ACT_LOG', errno: 0, signal: '', at, lastSeen: at, expected: false }
          } as unknown as Denial
          denialRows.grow(denial, 1, at)
        },
        forget: () => denialRows.forget('shop', 'web')
      }
    }
  }
}

test('enforceAfter: a replica does not enforce what another one’s nodes would be refused', async (t) => {
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
  busy.refused('n2')
  await busy.look()
  t.same(status(), ['WouldRefuse True'])
  all.pass(2 * 3_600_000)
  await quiet.look()
  await quiet.look()
  t.equal(mode(), 'audit', 'the hour is over, and n2 speaks to the other replica')
  t.same(status(), ['WouldRefuse True'])
  // Somebody allowed it: the hub that said so takes it back, and the next look goes up.
  busy.forget()
  await busy.look()
  t.same(status(), ['WouldRefuse False'])
  t.equal(mode(), 'audit', 'not in the same breath')
  await quiet.look()
  t.equal(mode(), 'enforce')
})

test('enforceAfter: quiet everywhere, one replica enforces', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, { n1: watching })
  t.teardown(() => one.close())
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce')
  t.equal(all.profile().status?.conditions, undefined, 'nothing was said')
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
    t.match(conditionsOf(all.profile()), [unproven])
    // What was not watched does not count as quiet later either.
    one.tell('n1', watching)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, 'audit', 'it begins to watch')
    t.match(conditionsOf(all.profile()), [{ type: 'QuietUnproven', status: 'False' }])
    all.pass(3_600_001)
    await one.look()
    t.equal(all.profile().spec.ladder?.mode, 'enforce')
  })
}

test('enforceAfter: where nothing ran nothing is proven', async (t) => {
  const all = replicas()
  const one = all.replica(() => false, {})
  t.teardown(() => one.close())
  await one.look()
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
})

test('a canary: quiet counts where somebody watches', async (t) => {
  const canary = {
    ...{ percent: 25, from: { mode: 'audit' as const }, quietFor: '10m' },
    startedAt: new Date(start).toISOString()
  }
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
  all.pass(60_001)
  await one.look()
  t.ok(all.profile().spec.ladder?.canary, 'a minute is watched')
  all.pass(540_000)
  await one.look()
  t.equal(all.profile().spec.ladder?.canary, undefined)
})
