import { test } from 'tap'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import { createClusterCache } from '../../../webhook/cluster/watch/cluster-view.js'
import type { EventRecorder } from '../../../webhook/cluster/events/events.js'
import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import { startWriter } from '../../../webhook/cluster/writer.js'
import { collectLog } from '../hub/rig.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { claimsIn } from '../../helpers/claims-in.js'
import { until } from '../../helpers/until.js'
import { rawPod } from './cluster-objects.js'

const empty = buildSnapshot({ rules: [], profiles: [] })

test('a pod gets its events once, however often this hub becomes leader', async (t) => {
  const view = createClusterCache()
  const said: string[] = []
  const lease = { mine: true }
  const writer = await startWriter({
    ...{ view, rules: () => [], logger: collectLog().logger },
    claims: claimsIn(view, empty),
    store: { watch: () => Promise.resolve(() => undefined) } as unknown as Store,
    events: {
      record: ({ name }: { name: string }) => said.push(name),
      flush: () => Promise.resolve()
    } as unknown as EventRecorder,
    snapshot: () => empty,
    mayWrite: () => lease.mine
  })
  t.teardown(() => writer.close())
  const pod = (name: string) => ({
    ...readPod(rawPod),
    ...{ uid: name, name, createdAt: new Date().toISOString() },
    assigned: '{"app":{"outcome":"runtime-default","reason":"not-ready"}}'
  })
  view.putPod(pod('web-1'))
  lease.mine = false
  view.putPod(pod('web-2'))
  t.same(said, ['web-1'])
  lease.mine = true
  writer.begin()
  writer.begin()
  t.same(said, ['web-1', 'web-2'], 'the one that came in a lapse, and no other again')
  view.removePod('web-2')
  view.putPod(pod('web-2'))
  t.same(said.length, 3, 'what is gone is forgotten')
})

test('only the leader writes: conditions of rules, events of profiles', async (t) => {
  const written: string[] = []
  const lease = { mine: false }
  const rule = testRule('web', { podSelector: {}, profile: { name: 'none' } })
  let follow: Parameters<Store['watch']>[0] = () => undefined
  const recorded: string[] = []
  const writer = await startWriter({
    ...{ view: createClusterCache(), rules: () => [rule], logger: collectLog().logger },
    claims: claimsIn(createClusterCache(), empty),
    ...{ everyMs: 5, stepMs: 0 },
    store: {
      watch: (listener: typeof follow) => {
        follow = listener
        return Promise.resolve(() => undefined)
      },
      update: (_kind: string, { name }: { name: string }, change: (one: object) => object) => {
        if (change(rule) !== rule) written.push(name)
        return Promise.resolve(rule)
      }
    } as unknown as Store,
    events: {
      record: ({ name }: { name: string }) => recorded.push(name),
      flush: () => Promise.resolve()
    } as unknown as EventRecorder,
    snapshot: () => buildSnapshot({ rules: [rule], profiles: [] }),
    mayWrite: () => lease.mine
  })
  t.teardown(() => writer.close())
  const profile = (count: number) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1' as const, kind: 'SeccompProfile' as const },
    metadata: { namespace: 'shop', name: 'web', uid: 'u' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } },
    status: {
      approvals: Array.from({ length: count }, () => ({
        ...{ by: 'ann', at: '2026-01-01T00:00:00Z', revision: '' }
      }))
    }
  })
  const change = (count: number) => follow({ type: 'applied', object: profile(count) })
  change(0)
  writer.update()
  change(1)
  await new Promise((wake) => setTimeout(wake, 50))
  t.same([written, recorded], [[], []], 'a stand-by hub writes nothing')
  lease.mine = true
  writer.update()
  change(2)
  await until('the condition', () => written.length > 0 || undefined)
  t.same(written, ['web'])
  t.same(recorded, ['web'], 'what changed before is not told later')
})

/** Starts a writer of one rule, with the reasons that it writes and the number of its looks at the rule. */
async function ruleWriter(options: {
  stepMs: number
  profiles: () => ProfileState[]
  watch?: Store['watch']
}) {
  const { stepMs, profiles, watch = () => Promise.resolve(() => undefined) } = options
  let rule: SeccompRule = testRule('web', { profile: { name: 'there' } }, 'shop')
  const written: string[] = []
  let looked = 0
  const writer = await startWriter({
    ...{ view: createClusterCache(), logger: collectLog().logger, everyMs: 1, stepMs },
    claims: claimsIn(createClusterCache(), empty),
    rules: () => {
      looked += 1
      return [rule]
    },
    store: {
      watch,
      update: (_kind: string, _ref: object, change: (one: SeccompRule) => SeccompRule) => {
        rule = change(rule)
        written.push(rule.status?.conditions?.find(({ type }) => type === 'Ready')?.reason ?? '')
        return Promise.resolve(rule)
      }
    } as unknown as Store,
    events: { flush: () => Promise.resolve() } as unknown as EventRecorder,
    snapshot: () => buildSnapshot({ rules: [rule], profiles: profiles() }),
    mayWrite: () => true
  })
  return { writer, written, looks: () => looked }
}

test('the steps of a new rule to Ready are written when they last', async (t) => {
  const waiting = testProfile('shop', 'there', {
    enforce: testRevision('shop', 'there', 'a', false)
  })
  const steps: ProfileState[][] = [
    [],
    [{ namespace: 'shop', name: 'there', approved: false }],
    [waiting],
    [testProfile('shop', 'there')]
  ]
  // [how long a step must last, reasons that are written]
  const table: [number, string[]][] = [
    [600_000, ['ProfileNotApproved', 'ProfileReady']],
    [0, ['ProfileNotFound', 'ProfileNotApproved', 'WaitingForNodes', 'ProfileReady']]
  ]
  for (const [stepMs, expected] of table) {
    let profiles: ProfileState[] = []
    const { writer, written, looks } = await ruleWriter({ stepMs, profiles: () => profiles })
    for (profiles of steps) {
      const before = looks()
      writer.update()
      // A look that began before may still have the step before.
      await until('two looks', () => looks() >= before + 2 || (writer.update(), undefined))
    }
    await writer.close()
    t.same(written, expected, `steps of ${stepMs} ms`)
  }
})

test('a rule whose profile the hub has not read yet is not said to have none', async (t) => {
  let profiles: ProfileState[] = []
  const profile = { metadata: { namespace: 'shop', name: 'there' }, kind: 'SeccompProfile' }
  const { writer, written, looks } = await ruleWriter({
    stepMs: 0,
    profiles: () => profiles,
    watch: (listener) => {
      listener({ type: 'applied', object: profile as never })
      return Promise.resolve(() => undefined)
    }
  })
  t.teardown(() => writer.close())
  writer.update()
  await until('two looks', () => looks() >= 2 || (writer.update(), undefined))
  t.same(written, [])
  profiles = [testProfile('shop', 'there')]
  await until('the condition', () => written.length > 0 || (writer.update(), undefined))
  t.same(written, ['ProfileReady'])
})
