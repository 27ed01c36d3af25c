import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/log.js'
import type { Store } from '../../../src/store/store.js'
import { createDenialRows } from '../../../webhook/hub/denial-rows.js'
import type { Denial } from '../../../webhook/hub/denial.js'
import { startLadderWatch } from '../../../webhook/truth/ladder-watch.js'
import type { Truth } from '../../../webhook/truth/truth.js'
import { testProfile, testRevision } from '../../helpers/rules.js'

const audit = testRevision('shop', 'web', 'b')
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
  const state = testProfile('shop', 'web', { audit })
  return {
    profile: () => profile,
    pass: (ms: number) => (now += ms),
    replica(isElsewhere: (node: string) => boolean) {
      const denialRows = createDenialRows()
      const truth = {
        sources: {
          hub: { denialRows, profiles: () => new Map([['shop/web', state]]) },
          ...{ store, isElsewhere, now: () => now },
          logger: createLogger('test', { write: () => undefined })
        },
        views: { list: () => [] },
        restarts: { of: () => 0 }
      } as unknown as Truth
      const watch = startLadderWatch(truth, () => [profile])
      return {
        ...{ look: () => watch.look(), close: () => watch.close() },
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
  const quiet = all.replica((node) => node === 'n2')
  const busy = all.replica((node) => node === 'n1')
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
  const one = all.replica(() => false)
  t.teardown(() => one.close())
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'audit')
  all.pass(3_600_001)
  await one.look()
  t.equal(all.profile().spec.ladder?.mode, 'enforce')
  t.equal(all.profile().status?.conditions, undefined, 'nothing was said')
})
