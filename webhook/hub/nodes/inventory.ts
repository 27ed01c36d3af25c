import type { Inventory, RunningContainer } from '../../../src/api/gen/hub.js'
import { digestForm, namedRevision } from '../../../src/rules/revision-names.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { Listeners } from '../../../src/lib/listeners.js'
import { beyondDefaultOf, DefaultSets, likeDefaultOf } from './default-sets.js'

/** Running is one run of one container on one node, checked: a satellite reports only about its own node. */
export interface Running extends RunningContainer {
  node: string
  /** `node/key`: unique in the fleet. */
  id: string
  /** RFC 3339, by the hub's clock. */
  firstSeen: string
}

interface InventoryChange {
  changed: readonly Running[]
  gone: readonly Running[]
  /** The node is away for long: what is gone may still run. */
  isAway: boolean
}

/** FleetInventory holds what runs on which node, in memory: each node reports it again when it connects. */
export interface FleetInventory {
  take(node: string, message: Inventory, now: string): void
  /** Drops the containers of a node. */
  forget(node: string): void
  get(id: string): Running | undefined
  all(): Iterable<Running>
  /** The containers of a node. */
  of(node: string): Iterable<Running>
  size(): number
  /** Whether the node has reported all its containers since it connected. */
  isComplete(node: string): boolean
  onChange(listener: (change: InventoryChange) => void): () => void
}

/** The most containers of one node: no real node has more. */
const mostOfNode = 4096
const longestText = 512
/** Characters of the labels of one node's containers: some KiB for each. Beyond that a container has none. */
const mostLabelText = 16 * 1024 * 1024

const declaredKinds = new Set([
  ...['none', 'runtime-default', 'like-default', 'allow-all', 'revision', 'other']
])
const diskStates = new Set(['ok', 'missing', 'changed'])
const checks = new Set(['bytes', 'table', 'mode', 'none'])

const within = (text: string, known: ReadonlySet<string>, otherwise: string): string =>
  known.has(text) ? text : otherwise

const labelsOf = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels)
      .slice(0, 256)
      .map(([name, value]) => [cutText(name, longestText), cutText(value, 65_536)])
  )

/** Returns the characters of a container's labels. */
const labelLength = ({ container }: Pick<Running, 'container'>): number =>
  Object.entries(container?.labels ?? {}).reduce((sum, pair) => sum + pair.join('').length, 0)

/**
 * Checks a reported container. A message can hold anything: unknown values become empty, texts are cut.
 * @param known the same run as it was reported before: a satellite that starts again computes the time of the boot again
 */
function checked(
  node: string,
  given: RunningContainer,
  known: Running | undefined,
  now: string
): Running | undefined {
  const { firstSeen = now } = known ?? {}
  const { container } = given
  const key = cutText(given.key, longestText)
  if (container === undefined || key === '' || container.id === '') return undefined
  // Each member has its own line: copies of objects with more members take twice the memory and time.
  return {
    node,
    key,
    id: `${node}/${key}`,
    firstSeen,
    pid: given.pid,
    running: given.running,
    privileged: given.privileged,
    mode: given.mode,
    filters: given.filters,
    same: given.same,
    others: given.others,
    allowed: given.allowed,
    beyondDefault: beyondDefaultOf(given),
    likeDefault: likeDefaultOf(given),
    container: {
      runtime: cutText(container.runtime, 64),
      imageDigest: container.imageDigest && cutText(container.imageDigest, 80),
      profile: cutText(container.profile, longestText),
      labels: labelsOf(container.labels),
      id: cutText(container.id, longestText),
      name: cutText(container.name, 253),
      image: cutText(container.image, longestText),
      podNamespace: cutText(container.podNamespace, 63),
      podName: cutText(container.podName, 253),
      podUid: cutText(container.podUid, 64)
    },
    startedAt:
      known?.startedAt ?? (Number.isNaN(Date.parse(given.startedAt)) ? firstSeen : given.startedAt),
    declared: within(given.declared, declaredKinds, 'other'),
    digest: digestForm.test(given.digest) ? given.digest : '',
    declaredMode:
      given.declaredMode === 'audit' ? 'audit' : given.declaredMode === '' ? '' : 'enforce',
    assigned: namedRevision(given.assigned) === undefined ? '' : given.assigned,
    disk: within(given.disk, diskStates, ''),
    diskPath: cutText(given.diskPath, longestText),
    checked: within(given.checked, checks, 'none'),
    difference: cutText(given.difference, longestText)
  }
}

/** LabelTexts counts the characters of the labels of each node's containers. */
class LabelTexts {
  readonly #lengths = new Map<string, number>()

  /** Counts a container in the place of what it was before. One for which there is no room loses its labels. */
  add(one: Running, before: Running | undefined): void {
    if (before !== undefined) this.remove(before)
    const length = this.#of(one.node) + labelLength(one)
    if (length <= mostLabelText) this.#lengths.set(one.node, length)
    else if (one.container !== undefined) one.container.labels = {}
  }

  remove(one: Running): void {
    this.#lengths.set(one.node, this.#of(one.node) - labelLength(one))
  }

  forget(node: string): void {
    this.#lengths.delete(node)
  }

  #of(node: string): number {
    return this.#lengths.get(node) ?? 0
  }
}

export function createInventory(): FleetInventory {
  const nodes = new Map<string, Map<string, Running>>()
  const byId = new Map<string, Running>()
  /** The generation of each node's list, and during a full list the keys that it named. */
  const lists = new Map<string, { generation: number; named: Set<string> | undefined }>()
  const counted = [new LabelTexts(), new DefaultSets()]
  const listeners = new Listeners<InventoryChange>()

  function notify(change: InventoryChange): void {
    if (change.changed.length + change.gone.length === 0) return
    listeners.notify(change)
  }

  function remove(own: Map<string, Running>, keys: Iterable<string>): Running[] {
    const gone: Running[] = []
    for (const key of keys) {
      const one = own.get(key)
      if (one === undefined) continue
      own.delete(key)
      byId.delete(one.id)
      for (const each of counted) each.remove(one)
      gone.push(one)
    }
    return gone
  }

  return {
    take(node, message, now) {
      const before = lists.get(node)
      // A clock may go back between two starts of a satellite: a list that starts over is always the newest.
      if (before !== undefined && !message.first && message.generation < before.generation) return
      const own = nodes.get(node) ?? new Map<string, Running>()
      nodes.set(node, own)
      const list = message.first
        ? { generation: message.generation, named: new Set<string>() }
        : (before ?? { generation: message.generation, named: undefined })
      lists.set(node, list)
      const changed: Running[] = []
      for (const given of message.containers) {
        const known = own.get(given.key)
        if (known === undefined && own.size >= mostOfNode) continue
        const one = checked(node, given, known, now)
        if (one === undefined) continue
        for (const each of counted) each.add(one, own.get(one.key))
        list.named?.add(one.key)
        own.set(one.key, one)
        byId.set(one.id, one)
        changed.push(one)
      }
      const gone = remove(own, message.gone)
      if (message.last && list.named !== undefined) {
        const { named } = list
        const left = [...own.keys()].filter((key) => !named.has(key))
        gone.push(...remove(own, left))
        list.named = undefined
      }
      notify({ changed, gone, isAway: false })
    },
    forget(node) {
      const own = nodes.get(node)
      if (own === undefined) return
      const gone = remove(own, [...own.keys()])
      nodes.delete(node)
      lists.delete(node)
      for (const each of counted) each.forget(node)
      notify({ changed: [], gone, isAway: true })
    },
    get: (id) => byId.get(id),
    all: () => byId.values(),
    of: (node) => nodes.get(node)?.values() ?? [],
    size: () => byId.size,
    isComplete(node) {
      const list = lists.get(node)
      return list !== undefined && list.named === undefined
    },
    onChange: listeners.add
  }
}
