import type { Inventory, RunningContainer } from '../../../src/api/gen/hub.js'
import { digestForm, namedRevision } from '../../../src/rules/revision-names.js'
import { Listeners } from '../../../src/lib/listeners.js'

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
}

/** FleetInventory holds what runs on which node, in memory: each node reports it again when it connects. */
export interface FleetInventory {
  take(node: string, message: Inventory, now: string): void
  /** Drops the containers of a node. */
  forget(node: string): void
  get(id: string): Running | undefined
  all(): Iterable<Running>
  size(): number
  onChange(listener: (change: InventoryChange) => void): () => void
}

/** The most containers of one node: no real node has more. */
const mostOfNode = 4096
const longestText = 512

const declaredKinds = new Set(['none', 'runtime-default', 'allow-all', 'revision', 'other'])
const diskStates = new Set(['ok', 'missing', 'changed'])
const checks = new Set(['bytes', 'table', 'mode', 'none'])

const within = (text: string, known: ReadonlySet<string>, otherwise: string): string =>
  known.has(text) ? text : otherwise

/** Checks a reported container. A message can hold anything: unknown values become empty, texts are cut. */
function checked(node: string, given: RunningContainer, firstSeen: string): Running | undefined {
  const { container } = given
  const key = given.key.slice(0, longestText)
  if (container === undefined || key === '' || container.id === '') return undefined
  const labels = Object.fromEntries(
    Object.entries(container.labels)
      .slice(0, 256)
      .map(([name, value]) => [name.slice(0, longestText), value.slice(0, 65_536)])
  )
  return {
    ...given,
    ...{ node, key, id: `${node}/${key}`, firstSeen },
    container: {
      ...container,
      ...{ labels, id: container.id.slice(0, longestText), name: container.name.slice(0, 253) },
      ...{ image: container.image.slice(0, longestText) },
      ...{ podNamespace: container.podNamespace.slice(0, 63) },
      ...{ podName: container.podName.slice(0, 253), podUid: container.podUid.slice(0, 64) }
    },
    startedAt: Number.isNaN(Date.parse(given.startedAt)) ? firstSeen : given.startedAt,
    declared: within(given.declared, declaredKinds, 'other'),
    digest: digestForm.test(given.digest) ? given.digest : '',
    declaredMode:
      given.declaredMode === 'audit' ? 'audit' : given.declaredMode === '' ? '' : 'enforce',
    assigned: namedRevision(given.assigned) === undefined ? '' : given.assigned,
    disk: within(given.disk, diskStates, ''),
    diskPath: given.diskPath.slice(0, longestText),
    checked: within(given.checked, checks, 'none'),
    difference: given.difference.slice(0, longestText)
  }
}

export function createInventory(): FleetInventory {
  const nodes = new Map<string, Map<string, Running>>()
  const byId = new Map<string, Running>()
  /** The generation of each node's list, and during a full list the keys that it named. */
  const lists = new Map<string, { generation: number; named: Set<string> | undefined }>()
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
        const one = checked(node, given, known?.firstSeen ?? now)
        if (one === undefined) continue
        list.named?.add(one.key)
        own.set(one.key, one)
        byId.set(one.id, one)
        changed.push(one)
      }
      const gone = remove(own, message.gone)
      if (message.last && list.named !== undefined) {
        const { named } = list
        gone.push(
          ...remove(
            own,
            [...own.keys()].filter((key) => !named.has(key))
          )
        )
        list.named = undefined
      }
      notify({ changed, gone })
    },
    forget(node) {
      const own = nodes.get(node)
      if (own === undefined) return
      const gone = remove(own, [...own.keys()])
      nodes.delete(node)
      lists.delete(node)
      notify({ changed: [], gone })
    },
    get: (id) => byId.get(id),
    all: () => byId.values(),
    size: () => byId.size,
    onChange: listeners.add
  }
}
