import { test } from 'tap'
import { Inventory, UsedSet } from '../../../../src/api/gen/hub.js'
import type { RecordingGap } from '../../../../src/history/recording-gap.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'
import { FleetSets } from '../../../../webhook/hub/nodes/used-sets.js'
import { createContainerViews } from '../../../../webhook/confinement/containers/container-views.js'
import type { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type {
  PodView,
  ConfinementSources
} from '../../../../webhook/confinement/containers/sources.js'
import { testRule } from '../../../helpers/rules.js'
import { matchLists } from '../../../helpers/match-lists.js'

/** Views of what an inventory has, with a clock that the test sets. */
function viewsOf(
  inventory: ReturnType<typeof createInventory>,
  clock: { now: number },
  sets = new FleetSets(),
  gaps: RecordingGap[] = []
) {
  const none = () => () => undefined
  const hub = {
    inventory,
    ...{ sets, denialRows: new DenialRows(), profiles: () => new Map() },
    ...{ history: { troubledSince: () => undefined, startsAt: () => 0 } },
    ...{ node: (name: string) => (name === 'n1' ? { status: { gaps } } : undefined) },
    onChange: none
  }
  const sources = {
    ...{
      hub,
      profiles: () => [],
      onProfiles: none,
      onSnapshot: none,
      onPod: none,
      pod: () => undefined
    },
    snapshot: () => buildSnapshot({ rules: [], profiles: [] }),
    now: () => clock.now
  } as unknown as ConfinementSources
  const index = {
    ...{ refresh: () => undefined, of: () => undefined, onChange: none },
    ...{ takeNews: () => new Set(), riskLikeDefault: () => undefined }
  }
  return createContainerViews(sources, index as unknown as RevisionIndex)
}

test('a state and a drift last while a satellite starts again', (t) => {
  const startedAt = '2026-01-01T00:00:00.000Z'
  const read = { mode: 2, checked: 'bytes', same: true }
  const other = { mode: 2, checked: 'bytes', same: false, difference: 'getsid' }
  const unread = { mode: 2, checked: 'none' }
  const container = { id: 'c', name: 'app' }
  const own = { key: 'c@1', container, running: true, declared: 'runtime-default', startedAt }
  // [what, what the node reports, at which second, state, since, drift since]
  const table: [string, object, number, string, string, string | undefined][] = [
    ['it starts', { ...unread, running: false }, 1, 'starting', startedAt, undefined],
    ['its filter is read', read, 5, 'runtime-default', startedAt, undefined],
    ['the satellite starts again', unread, 9, 'starting', '2026-01-01T00:00:09.000Z', undefined],
    ['and reads it', read, 10, 'runtime-default', startedAt, undefined],
    [
      'it is another one',
      other,
      20,
      'other',
      '2026-01-01T00:00:20.000Z',
      '2026-01-01T00:00:20.000Z'
    ],
    ['the satellite starts again', unread, 30, 'starting', '2026-01-01T00:00:30.000Z', undefined],
    [
      'still another one',
      other,
      31,
      'other',
      '2026-01-01T00:00:20.000Z',
      '2026-01-01T00:00:20.000Z'
    ],
    ['as declared', read, 40, 'runtime-default', '2026-01-01T00:00:40.000Z', undefined]
  ]
  const inventory = createInventory()
  const clock = { now: 0 }
  const views = viewsOf(inventory, clock)
  t.teardown(() => views.close())
  for (const [generation, [what, facts, second, state, since, drift]] of table.entries()) {
    clock.now = Date.parse(startedAt) + second * 1000
    const containers = [{ ...own, ...facts }]
    const message = { generation: generation + 1, first: true, last: true, containers }
    inventory.take('n1', Inventory.fromPartial(message), new Date(clock.now).toISOString())
    const view = views.list()[0]
    t.strictSame([view?.state, view?.since, view?.drift[0]?.since], [state, since, drift], what)
  }
  t.end()
})

test('the number of calls is not known until a node has reported them', (t) => {
  const inventory = createInventory()
  const sets = new FleetSets()
  const views = viewsOf(inventory, { now: 0 }, sets)
  t.teardown(() => views.close())
  const containers = [{ key: 'c@1', container: { id: 'c', name: 'app' }, running: true }]
  const message = { generation: 1, first: true, last: true, containers }
  inventory.take('n1', Inventory.fromPartial(message), '2026-01-01T00:00:00.000Z')
  const [view] = views.list()
  t.equal(view?.syscalls, null, 'nothing was reported')
  const key = view?.key ?? ''
  sets.put(key, UsedSet.fromPartial({}))
  t.equal(views.list()[0]?.syscalls, null, 'a recorder that has just begun')
  const abi = { abi: 'x86_64', bitmap: Buffer.from([0b101]), counts: [1, 2] }
  sets.put(key, UsedSet.fromPartial({ abis: [abi] }))
  t.equal(views.list()[0]?.syscalls, 2)
  t.end()
})

test('a gap concerns a container only if its program had begun', (t) => {
  const at = (second: number) => `2026-01-01T00:00:${second}.000Z`
  const gaps = [
    { from: at(20), to: at(25) },
    { from: at(40), to: at(45) }
  ]
  const set = (second: number, complete: boolean) => ({ since: at(second), complete })
  const filtered = { running: true, declared: 'runtime-default' }
  // The container was created at second 10. [what, the container, what the node counts, gaps that concern it]
  const table: [string, object, ReturnType<typeof set> | undefined, number][] = [
    ['created, and not started yet', { ...filtered, running: false }, undefined, 0],
    ['created, and calls count', { ...filtered, running: false }, set(26, false), 0],
    ['it ran already when the recorder attached', filtered, set(25, false), 2],
    ['nothing is reported of it', filtered, undefined, 2],
    ['it began between the gaps', filtered, set(30, true), 1],
    ['it began after both', filtered, set(50, true), 0],
    ['it began before both', filtered, set(11, true), 2],
    ['without a filter', { ...filtered, declared: 'none' }, set(50, true), 2],
    ['privileged: no filter either', { ...filtered, privileged: true }, set(50, true), 2]
  ]
  for (const [what, facts, counted, expected] of table) {
    const inventory = createInventory()
    const sets = new FleetSets()
    const views = viewsOf(inventory, { now: 0 }, sets, gaps)
    const container = { id: 'c', name: 'app' }
    const containers = [{ key: 'c@1', container, startedAt: at(10), ...facts }]
    const message = { generation: 1, first: true, last: true, containers }
    inventory.take('n1', Inventory.fromPartial(message), at(10))
    if (counted !== undefined) sets.put('n1/c@1', UsedSet.fromPartial(counted))
    t.strictSame(views.list()[0]?.gaps, gaps.slice(2 - expected), what)
    views.close()
  }
  t.end()
})

test('views follow the rules and the facts of pods', async (t) => {
  const inventory = createInventory()
  const pods = new Map<string, PodView>()
  let snapshot = buildSnapshot({ rules: [], profiles: [] })
  let onSnapshot: () => void = () => undefined
  let onPod: (uid: string) => void = () => undefined
  const none = () => () => undefined
  const sources = {
    hub: {
      inventory,
      ...{ sets: new FleetSets(), denialRows: new DenialRows(), profiles: () => new Map() },
      ...{ history: { troubledSince: () => undefined, startsAt: () => 0 }, node: () => undefined },
      onChange: none
    },
    ...{ profiles: () => [], onProfiles: none },
    snapshot: () => snapshot,
    onSnapshot: (listener: () => void) => {
      onSnapshot = listener
      return () => undefined
    },
    pod: (uid: string) => pods.get(uid),
    onPod: (listener: (uid: string) => void) => {
      onPod = listener
      return () => undefined
    },
    now: Date.now
  } as unknown as ConfinementSources
  const index = {
    refresh: () => undefined,
    ...{ of: () => undefined, takeNews: () => new Set(), onChange: none }
  } as unknown as RevisionIndex
  const views = createContainerViews(sources, index)
  t.teardown(() => views.close())
  const container = { id: 'c', name: 'app', podNamespace: 'shop', podName: 'web-1', podUid: 'u' }
  const containers = [{ key: 'c@1', container, declared: 'none', running: true }]
  inventory.take(
    'n1',
    Inventory.fromPartial({ generation: 1, first: true, last: true, containers }),
    '2026-01-01T00:00:00Z'
  )
  const view = () => views.list()[0]
  const changed = async () => {
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error('no view changed')), 20_000)
      const leave = views.onChange(() => {
        clearTimeout(limit)
        leave()
        resolve()
      })
    })
    return view()
  }
  matchLists(t, view(), {
    ...{ state: 'unconfined', unprotected: null, workload: 'Pod/web-1', drift: [] }
  })

  // As for the label of a namespace: neither the hub nor a profile has an event.
  snapshot = buildSnapshot({ rules: [testRule('all', { podSelector: {} })], profiles: [] })
  onSnapshot()
  t.match(await changed(), { unprotected: { rule: /all/ } })

  pods.set('u', {
    ...{ namespace: 'shop', name: 'web-1', labels: {}, assigned: '' },
    containers: [{ name: 'app', kind: 'container' }],
    owner: { kind: 'Deployment', name: 'web' }
  })
  const told: string[] = []
  views.onChange((some) => told.push(...some.map(({ workload }) => workload)))
  onPod('somebody')
  t.match(view(), { workload: 'Pod/web-1' })
  onPod('u')
  t.same(told, ['Deployment/web'])
  t.match(view(), { workload: 'Deployment/web', unprotected: { rule: /all/ } })
  t.match(view(), { ephemeral: false, optedOut: false, learned: /^shop\// })
  pods.set('u', {
    ...{ namespace: 'shop', name: 'web-1', labels: { 'secco.dev/ignore': 'true' }, assigned: '' },
    containers: [{ name: 'app', kind: 'container' }],
    owner: { kind: 'Deployment', name: 'web' }
  })
  onPod('u')
  t.match(view(), { optedOut: false }, 'nobody allows it')
  snapshot = buildSnapshot({
    ...{ rules: [testRule('all', { podSelector: {} })], profiles: [] },
    options: { allowIgnore: true }
  })
  onSnapshot()
  t.match(await changed(), { optedOut: true, unprotected: null })
  pods.set('u', {
    ...{ namespace: 'shop', name: 'web-1', labels: {}, assigned: '' },
    containers: [{ name: 'app', kind: 'ephemeral' }],
    owner: { kind: 'Deployment', name: 'web' }
  })
  onPod('u')
  // No rule gives it a profile, but the webhook gives RuntimeDefault, so it is unprotected.
  const unprotected = { message: /^the webhook gives RuntimeDefault, yet it runs unconfined/ }
  matchLists(t, view(), { ephemeral: true, learned: '', wanted: '', unprotected, drift: [] })
  inventory.take(
    'n1',
    Inventory.fromPartial({ generation: 1, gone: ['c@1'] }),
    '2026-01-01T00:00:01Z'
  )
  onPod('u')
  t.same([view(), told.length], [undefined, 3], 'no change of an ended container')
})
