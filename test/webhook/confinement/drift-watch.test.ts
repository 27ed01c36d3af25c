import { mock } from 'node:test'
import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { Listeners } from '../../../src/lib/listeners.js'
import { createLogger } from '../../../src/lib/log.js'
import {
  type ContainerListener,
  type ContainerView,
  type ContainerViews,
  isReachedBy
} from '../../../webhook/confinement/containers/container-view.js'
import type { ConfinementSources } from '../../../webhook/confinement/containers/sources.js'
import { DriftWatch, withDrift } from '../../../webhook/confinement/drift-watch.js'
import { view } from '../../helpers/hub-answers.js'
import { quiet } from '../../helpers/quiet.js'

test('a drift is on each profile that the container may run under, and on no other', async (t) => {
  const since = '2026-01-01T00:00:00.000Z'
  const drift = [{ kind: 'FileChanged' as const, message: 'the file was changed', since }]
  const list = [
    view('n1', 'either', { profile: 'shop/api', sharedWith: ['shop/web'], drift }),
    view('n1', 'learning', { learned: 'shop/job', drift })
  ]
  const written = new Map<string, SeccompProfile>()
  const sources = {
    hub: {
      ...{ history: { troubles: () => undefined }, node: () => undefined, nodes: () => [] },
      onChange: () => () => undefined,
      inventory: { isComplete: () => true }
    },
    store: {
      update(
        _kind: string,
        ref: { name: string },
        change: (one: SeccompProfile) => SeccompProfile
      ) {
        const metadata = { namespace: 'shop', name: ref.name }
        const bare = {
          apiVersion: 'secco.dev/v1alpha1',
          kind: 'SeccompProfile',
          metadata,
          spec: {}
        }
        written.set(ref.name, change(bare as SeccompProfile))
        return Promise.resolve()
      }
    },
    ...{
      isElsewhere: () => false,
      now: () => Date.parse(since),
      logger: createLogger('test', quiet)
    }
  } as unknown as ConfinementSources
  const views = {
    list: () => list,
    reachedBy: (profile: string) => list.filter((one) => isReachedBy(one, profile)),
    onChange: () => () => undefined
  } as unknown as ContainerViews
  await new DriftWatch(sources, views).close()
  const conditions = [...written].map(
    ([name, { status }]) => `${name}: ${status?.conditions?.[0]?.message}`
  )
  t.same(
    conditions.sort(),
    ['api', 'web'].map((name) => `${name}: 1 of 1 container: n1: the file was changed`)
  )
})

test('what is wrong on a node that is away has not ended, and keeps its time', async (t) => {
  const since = '2026-01-01T00:00:00.000Z'
  const drift = [{ kind: 'Unconfined' as const, message: 'runs unconfined', since }]
  const one = view('n1', 'one', { profile: 'shop/web', drift })
  const other = view('n1', 'other', { profile: 'shop/web', drift })
  let list = [one, other]
  let isComplete = true
  let profile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} }
  } as SeccompProfile
  const ended: string[] = []
  const sources = {
    hub: {
      ...{ node: () => ({ connected: false }), nodes: () => [] },
      onChange: () => () => undefined,
      inventory: { isComplete: () => isComplete },
      history: {
        troubles: ({ key, troubles }: { key: string; troubles: Map<string, unknown> }) => {
          if (troubles.size === 0) ended.push(key)
        }
      }
    },
    store: {
      update(_kind: string, _ref: object, change: (given: SeccompProfile) => SeccompProfile) {
        profile = change(profile)
        return Promise.resolve()
      }
    },
    ...{ isElsewhere: () => false, now: () => 0, logger: createLogger('test', quiet) }
  } as unknown as ConfinementSources
  let listener: ContainerListener = () => undefined
  const views = {
    list: () => list,
    reachedBy: () => list,
    onChange: (given: ContainerListener) => {
      listener = given
      return () => undefined
    }
  } as unknown as ContainerViews
  const watch = new DriftWatch(sources, views)
  await watch.flush()
  const before = profile.status?.conditions
  t.match(before, [{ type: 'Drifted', status: 'True' }])

  list = []
  isComplete = false
  listener([], [one, other], true)
  await watch.flush()
  t.same(ended, [], 'nobody saw an end')
  const elsewhere = view('n2', 'fine', { profile: 'shop/web' })
  list = [elsewhere]
  listener([elsewhere], [], false)
  await watch.flush()
  t.same(profile.status?.conditions, before, 'the condition is about the node that is away')

  list = [elsewhere, one]
  isComplete = true
  listener([one], [], false)
  await watch.close()
  t.same(ended, [elsewhere.key, other.key], 'back again: the one that its node does not list')
  t.match(profile.status?.conditions, [{ status: 'True', message: /^1 of 2 containers/ }])
})

test('a condition says only of filters that were read that they are as declared', (t) => {
  const running = (name: string, more: Partial<ContainerView> = {}) =>
    view('n1', name, { profile: 'shop/web', checked: 'bytes', ...more })
  const profile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} }
  } as SeccompProfile
  const drift = [{ kind: 'FilterDiffers' as const, message: 'another one', since: '' }]
  const starting = running('new', { state: 'starting', checked: 'none' })
  const table: [what: string, own: ContainerView[], said: string][] = [
    ['all were read', [running('a'), running('b')], 'AsDeclared 2 containers as declared'],
    ['one starts', [running('a'), starting], 'AsDeclared 1 container as declared'],
    [
      'one cannot be read',
      [running('a'), running('b', { checked: 'mode' })],
      'AsDeclared 2 containers as declared; of 1 the filter in force cannot be read'
    ],
    [
      'one differs',
      [running('a'), running('b', { drift })],
      'FilterDiffers 1 of 2 containers: n1: another one'
    ]
  ]
  for (const [what, own, said] of table) {
    const [condition] = withDrift(profile, own, '').status?.conditions ?? []
    t.equal(`${condition?.reason} ${condition?.message}`, said, what)
  }
  t.end()
})

test('"as declared" is no statement about nodes that have not reported', async (t) => {
  const clock = mock.timers
  clock.enable({ apis: ['setTimeout'] })
  t.teardown(() => clock.reset())
  let [missing, writes] = [['n2', 'n3'], 0]
  let profile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} }
  } as SeccompProfile
  const hubChanges = new Listeners()
  const list = [view('n1', 'one', { profile: 'shop/web' })]
  const sources = {
    hub: {
      ...{ history: { troubles: () => undefined }, onChange: hubChanges.add },
      node: () => ({ connected: true }),
      nodes: () => ['n1', 'n2', 'n3'].map((name) => ({ name, connected: true, lastSeen: '' })),
      inventory: { isComplete: (name: string) => !missing.includes(name) }
    },
    store: {
      update(_kind: string, _ref: object, change: (given: SeccompProfile) => SeccompProfile) {
        writes += 1
        profile = change(profile)
        return Promise.resolve()
      }
    },
    ...{ profiles: () => [profile], isElsewhere: () => false, now: () => 0 },
    logger: createLogger('test', quiet)
  } as unknown as ConfinementSources
  const views = {
    ...{ list: () => list, reachedBy: () => list },
    onChange: () => () => undefined
  } as unknown as ContainerViews
  const watch = new DriftWatch(sources, views)
  const message = () => profile.status?.conditions?.[0]?.message
  await watch.flush()
  t.equal(message(), '1 container as declared; not known of n2, n3')
  const changed = async () => {
    hubChanges.notify()
    clock.tick(10_000)
    await watch.flush()
  }
  await changed()
  t.equal(writes, 1, 'the same nodes are no news')
  missing = []
  await changed()
  t.equal(message(), '1 container as declared')
  missing = ['n3']
  await changed()
  t.equal(message(), '1 container as declared; not known of n3')
  t.equal(writes, 3)
  await watch.close()
})
