import { type ConfinementState, states } from '../../../src/confinement/state.js'
import { isReachedBy } from '../../confinement/containers/container-view.js'
import { type InventoryItem, profileOf } from './inventory.js'

/** How urgently a container needs a person: drift, no protection, an old revision, not at all. */
export const weights = [0, 1, 2, 3] as const
type Weight = (typeof weights)[number]

export function weightOf(item: Pick<InventoryItem, 'drift' | 'unprotected' | 'stale'>): Weight {
  if (item.drift.length > 0) return 0
  if (item.unprotected !== null) return 1
  return item.stale ? 2 : 3
}

/** Counts of containers. The counts of several groups can be added. */
export interface ContainerCounts {
  containers: number
  states: Record<ConfinementState, number>
  stale: number
  drifted: number
  unprotected: number
}

/** The containers of one profile in one namespace, or those without a profile. */
interface ContainerGroup {
  namespace: string
  /** `namespace/name`; '' without a profile. */
  profile: string
  items: ReadonlyMap<string, InventoryItem>
  counts: Readonly<ContainerCounts>
  byWeight: readonly number[]
}

/**
 * All containers in groups. A page adds up groups, of which there are as many as workloads, and reads only the
 * containers that it shows.
 */
export interface Containers {
  size(): number
  groups(): Iterable<ContainerGroup>
  /** The groups of one profile: one for each namespace that runs it. */
  groupsOf(profile: string): Iterable<ContainerGroup>
  counts(): ContainerCounts
  /** undefined if no container has the profile. */
  countsOf(profile: string): Readonly<ContainerCounts> | undefined
  /** The containers that a change of a profile reaches when they start again. */
  usersOf(profile: string): InventoryItem[]
  find(key: string): InventoryItem | undefined
  /** Returns at most `most` containers from an index on, the most urgent first; `wants` filters them. */
  window(from: number, most: number, wants?: (item: InventoryItem) => boolean): ContainerWindow
}

interface ContainerWindow {
  total: number
  items: InventoryItem[]
}

interface ContainerIndex extends Containers {
  put(items: readonly InventoryItem[]): void
  remove(items: readonly Pick<InventoryItem, 'key'>[]): void
}

interface Group extends ContainerGroup {
  items: Map<string, InventoryItem>
  counts: ContainerCounts
  byWeight: number[]
}

function noCounts(): ContainerCounts {
  const none = Object.fromEntries(states.map((state) => [state, 0])) as Record<
    ConfinementState,
    number
  >
  return { containers: 0, states: none, stale: 0, drifted: 0, unprotected: 0 }
}

function add(sum: ContainerCounts, more: Readonly<ContainerCounts>): ContainerCounts {
  sum.containers += more.containers
  for (const state of states) sum.states[state] += more.states[state]
  sum.stale += more.stale
  sum.drifted += more.drifted
  sum.unprotected += more.unprotected
  return sum
}

function count(group: Group, item: InventoryItem, by: 1 | -1): void {
  const { counts, byWeight } = group
  counts.containers += by
  counts.states[item.state] += by
  if (item.stale) counts.stale += by
  if (item.drift.length > 0) counts.drifted += by
  if (item.unprotected !== null) counts.unprotected += by
  const weight = weightOf(item)
  byWeight[weight] = (byWeight[weight] ?? 0) + by
}

/** Makes a reader of groups; `of` returns the groups of a profile. */
function reader(
  all: () => Iterable<ContainerGroup>,
  of: (profile: string) => Iterable<ContainerGroup>,
  teachers: (profile: string) => readonly InventoryItem[],
  find: Containers['find']
): Containers {
  const sum = () => [...all()].reduce((sum, group) => add(sum, group.counts), noCounts())
  return {
    size: () => sum().containers,
    groups: all,
    groupsOf: of,
    counts: sum,
    countsOf(profile) {
      let only: Readonly<ContainerCounts> | undefined
      let sum: ContainerCounts | undefined
      for (const { counts } of of(profile)) {
        // Usually there is one namespace: then no new object is made for each workload of a list.
        if (only === undefined) only = counts
        else sum = add(sum ?? add(noCounts(), only), counts)
      }
      return sum ?? only
    },
    usersOf: (profile) =>
      [
        ...[...of(profile)].flatMap(({ items }) => [...items.values()]),
        ...teachers(profile)
      ].filter((item) => isReachedBy(item, profile)),
    find,
    window(from, most, wants) {
      const items: InventoryItem[] = []
      let total = 0
      for (const weight of weights) {
        for (const group of all()) {
          const own = group.byWeight[weight] ?? 0
          if (own === 0) continue
          // Without a filter, groups before and after the window are skipped by their counts.
          if (wants === undefined && (total + own <= from || items.length >= most)) {
            total += own
            continue
          }
          for (const item of group.items.values()) {
            if (weightOf(item) !== weight || wants?.(item) === false) continue
            if (total >= from && items.length < most) items.push(item)
            total += 1
          }
        }
      }
      return { total, items }
    }
  }
}

/** Returns the profiles that a container may run under, apart from the one of its group. */
function profilesElsewhere(item: InventoryItem): string[] {
  return [item.profile, ...item.sharedWith].filter((one) => one !== '' && one !== profileOf(item))
}

/** Makes an index that its caller keeps up to date, one change at a time. */
export function createContainerIndex(given: readonly InventoryItem[] = []): ContainerIndex {
  const groups = new Map<string, Group>()
  const byProfile = new Map<string, Set<Group>>()
  const where = new Map<string, { group: Group; item: InventoryItem }>()
  /** Containers that run under one profile while another learns from them, by the profile they run under. */
  const elsewhere = new Map<string, Map<string, InventoryItem>>()

  function groupOf(item: InventoryItem): Group {
    const profile = profileOf(item)
    const key = `${item.namespace} ${profile}`
    const known = groups.get(key)
    if (known !== undefined) return known
    const group: Group = {
      ...{ namespace: item.namespace, profile, items: new Map(), counts: noCounts() },
      byWeight: weights.map(() => 0)
    }
    groups.set(key, group)
    const own = byProfile.get(profile) ?? new Set()
    byProfile.set(profile, own.add(group))
    return group
  }

  function leaveElsewhere(item: InventoryItem): void {
    for (const profile of profilesElsewhere(item)) {
      elsewhere.get(profile)?.delete(item.key)
      if (elsewhere.get(profile)?.size === 0) elsewhere.delete(profile)
    }
  }

  function remove(key: string): void {
    const found = where.get(key)
    if (found === undefined) return
    const { group, item } = found
    where.delete(key)
    group.items.delete(key)
    count(group, item, -1)
    leaveElsewhere(item)
    if (group.items.size > 0) return
    groups.delete(`${group.namespace} ${group.profile}`)
    const own = byProfile.get(group.profile)
    own?.delete(group)
    if (own?.size === 0) byProfile.delete(group.profile)
  }

  function put(item: InventoryItem): void {
    const before = where.get(item.key)
    if (before !== undefined && before.group !== groupOf(item)) remove(item.key)
    const group = groupOf(item)
    if (before?.group === group) count(group, before.item, -1)
    if (before !== undefined) leaveElsewhere(before.item)
    count(group, item, 1)
    group.items.set(item.key, item)
    where.set(item.key, { group, item })
    for (const profile of profilesElsewhere(item)) {
      const others = elsewhere.get(profile) ?? new Map<string, InventoryItem>()
      elsewhere.set(profile, others.set(item.key, item))
    }
  }

  for (const item of given) put(item)
  return {
    ...reader(
      () => groups.values(),
      (profile) => byProfile.get(profile) ?? [],
      (profile) => [...(elsewhere.get(profile)?.values() ?? [])],
      (key) => where.get(key)?.item
    ),
    size: () => where.size,
    put: (items) => {
      for (const item of items) put(item)
    },
    remove: (items) => {
      for (const { key } of items) remove(key)
    }
  }
}

/** Limits containers to some namespaces. */
export function containersWithin(
  containers: Containers,
  allows: (namespace: string) => boolean
): Containers {
  const within = (groups: Iterable<ContainerGroup>) =>
    [...groups].filter(({ namespace }) => allows(namespace))
  return reader(
    () => within(containers.groups()),
    (profile) => within(containers.groupsOf(profile)),
    (profile) =>
      containers
        .usersOf(profile)
        .filter((item) => allows(item.namespace) && profileOf(item) !== profile),
    (key) => {
      const item = containers.find(key)
      return item !== undefined && allows(item.namespace) ? item : undefined
    }
  )
}
