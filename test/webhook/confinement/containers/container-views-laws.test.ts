import assert from 'node:assert/strict'
import { test } from 'tap'
import { Inventory } from '../../../../src/api/gen/hub.js'
import { Listeners } from '../../../../src/lib/listeners.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import { compileForSnapshot, buildSnapshot } from '../../../../src/rules/snapshot.js'
import {
  type ContainerView,
  type ContainerViews,
  isReachedBy
} from '../../../../webhook/confinement/containers/container-view.js'
import { createContainerViews } from '../../../../webhook/confinement/containers/container-views.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'
import { FleetSets } from '../../../../webhook/hub/nodes/used-sets.js'
import { seededRandom } from '../../../helpers/random.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'
import { until } from '../../../helpers/until.js'

const names = ['web', 'api', 'db', 'job']
const digits = ['1', '2', '3', '4', '5']
const random = seededRandom(20_261)
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

/** Since when something is so differs: the other views begin now. */
const withoutTimes = (view: ContainerView) => ({
  ...view,
  since: '',
  drift: view.drift.map((one) => ({ ...one, since: '' })),
  unprotected: view.unprotected && { ...view.unprotected, since: '' }
})

function randomState(name: string): ProfileState {
  const revision = () => testRevision('default', name, oneOf(digits), random() < 0.8)
  return testProfile('default', name, {
    approved: random() < 0.8,
    enforce: revision(),
    ...(random() < 0.5 ? { audit: revision() } : {}),
    ...(random() < 0.5 ? { ladder: { mode: oneOf(['learn', 'audit', 'enforce'] as const) } } : {})
  })
}

const randomRules = () =>
  names
    .filter(() => random() < 0.5)
    .map((name) =>
      testRule(`of-${name}`, {
        podSelector: { matchLabels: { app: name } },
        mode: oneOf(['enforce', 'audit', 'learn'] as const),
        profile: { namespace: 'default', name: oneOf(names) }
      })
    )

/** What views are computed from, with events; `change` changes one thing. */
function world(first: Parameters<typeof compileForSnapshot>[0] = []) {
  const inventory = createInventory()
  const events = { hub: new Listeners(), snapshot: new Listeners() }
  let states = new Map<string, ProfileState>()
  let rules = compileForSnapshot(first)
  let surroundings = {}
  const build = () => buildSnapshot({ rules, surroundings, profiles: [...states.values()] })
  let snapshot = build()
  let reads = 0
  const none = () => () => undefined
  const hub = {
    inventory,
    ...{ sets: new FleetSets(), denialRows: new DenialRows(), profiles: () => states },
    ...{ history: { troubledSince: () => undefined, startsAt: () => 0 }, node: () => undefined },
    onChange: events.hub.add,
    bytes: () => Promise.resolve(Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}'))
  }
  const sources = {
    ...{ hub, onProfiles: none, onPod: none, profiles: () => [], now: Date.now },
    pod: () => {
      reads += 1
      return undefined
    },
    snapshot: () => snapshot,
    onSnapshot: events.snapshot.add
  } as unknown as ConfinementSources
  const newSnapshot = (): void => {
    snapshot = build()
    events.snapshot.notify()
  }
  const put = (name: string, state: ProfileState | undefined): void => {
    states = new Map(states)
    if (state === undefined) states.delete(`default/${name}`)
    else states.set(`default/${name}`, state)
    events.hub.notify()
    newSnapshot()
  }
  const change = (): string => {
    const name = oneOf(names)
    const kind = oneOf(['state', 'state', 'state', 'delete', 'rules'])
    if (kind === 'rules') {
      rules = compileForSnapshot(randomRules())
      surroundings = {}
      newSnapshot()
    } else put(name, kind === 'delete' ? undefined : randomState(name))
    return `${kind} ${name}`
  }
  return { inventory, sources, change, put, reads: () => reads }
}

/** A container for each name: another of the same name would be its restart. */
const containersOf = (node: string) =>
  names.map((app, nth) => {
    const digest = `sha256:${oneOf(digits).repeat(64)}`
    return {
      ...{ key: `${node}/${nth}`, pid: 7, running: true, startedAt: '2026-01-01T00:00:00.000Z' },
      ...{ declared: oneOf(['revision', 'none', 'runtime-default']), digest },
      ...{ mode: 2, checked: 'bytes', same: random() < 0.8, difference: 'getsid' },
      container: { id: `${node}-c${nth}`, name: app, image: 'i', labels: { app } }
    }
  })

test('views after any change are those that are computed from nothing', async (t) => {
  const { inventory, sources, change } = world()
  for (const node of ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']) {
    const containers = containersOf(node)
    const message = { generation: 1, first: true, last: true, containers }
    inventory.take(node, Inventory.fromPartial(message), '2026-01-01T00:00:00Z')
  }
  const index = new RevisionIndex(sources)
  const views = createContainerViews(sources, index, 0)
  t.teardown(() => views.close())
  for (let step = 0; step < 150; step += 1) {
    const what = change()
    const expected = () => {
      const fresh = createContainerViews(sources, index, 0)
      fresh.close()
      return fresh.list().map(withoutTimes)
    }
    await until(
      `${step}: ${what}`,
      () => {
        assert.deepStrictEqual(views.list().map(withoutTimes), expected())
        for (const name of names) assertReached(views, `default/${name}`)
        return true
      },
      { timeoutMs: 20_000 }
    )
  }
  t.pass('all were')
})

/** Those that an index finds for a profile are those that a look at all containers finds. */
function assertReached(views: ContainerViews, profile: string): void {
  const keysOf = (list: readonly ContainerView[]) => list.map(({ key }) => key).sort()
  const all = views.list().filter((view) => isReachedBy(view, profile))
  assert.deepStrictEqual(keysOf(views.reachedBy(profile)), keysOf(all))
}

test('one profile changes the views that depend on it, and no others', async (t) => {
  const rules = names.map((name) => {
    const podSelector = { matchLabels: { app: name } }
    return testRule(name, { podSelector, profile: { namespace: 'default', name } })
  })
  const { inventory, sources, put, reads } = world(rules)
  const containers = names.flatMap((name) =>
    Array.from({ length: 50 }, (_, nth) => ({
      ...{ key: `${name}${nth}`, running: true, declared: 'none', mode: 0 },
      container: { id: `${name}-${nth}`, name, labels: { app: name } }
    }))
  )
  const message = { generation: 1, first: true, last: true, containers }
  inventory.take('n1', Inventory.fromPartial(message), '2026-01-01T00:00:00Z')
  const views = createContainerViews(sources, new RevisionIndex(sources), 0)
  t.teardown(() => views.close())
  // At first each was computed once.
  const before = reads()
  const ofOneName = before / names.length
  put('web', testProfile('default', 'web'))
  const are = () => reads() - before >= ofOneName || undefined
  await until('those of its workload to be computed', are, { timeoutMs: 20_000 })
  t.equal(reads() - before, ofOneName)
})
