import type { Hello, NodeStatus, RevisionStatus } from '../../../src/api/gen/hub.js'
import { revisionPath } from '../../../src/rules/profile-state.js'

/** A revision that a node could not make ready. */
export interface NodeProblem {
  namespace: string
  profile: string
  digest: string
  /** A code of src/lib/errors.ts, as the satellite gave it. */
  code: string
  message: string
}

export interface NodeState {
  name: string
  connected: boolean
  /** RFC 3339. */
  lastSeen: string
  bootId: string
  version: string
  status: NodeStatus | undefined
  /**
   * Paths (`revisionPath`) of the files that are on the node and verified. Paths, not digests: two
   * profiles may have the same content, and each needs its own file.
   */
  holding: ReadonlySet<string>
  problems: readonly NodeProblem[]
}

/** What survives a restart of the hub: files do not vanish from nodes meanwhile. */
export interface KnownNode {
  name: string
  lastSeen: string
  holding: string[]
  /** Kept because what the fleet's runtimes accept goes into every revision. */
  status?: NodeStatus
}

interface Entry extends NodeState {
  holding: Set<string>
  problems: NodeProblem[]
}

/** The hub's memory of the fleet. No clock, no I/O: times come in. */
export interface Nodes {
  connected(hello: Hello, now: string): void
  disconnected(name: string, now: string): void
  seen(name: string, now: string): void
  status(name: string, status: NodeStatus): void
  /** Takes in what became of a revision; true when that is news. */
  revision(name: string, status: RevisionStatus): boolean
  forget(name: string): void
  get(name: string): NodeState | undefined
  /** By name. */
  list(): NodeState[]
  /** Nodes whose readiness counts: connected, or seen within the grace. */
  counted(nowMs: number, graceMs: number): NodeState[]
  known(): KnownNode[]
}

const digestForm = /^sha256:[0-9a-f]{64}$/
const pathForm = /^secco\/[^/]{1,63}\/[^/]{1,253}\/[0-9a-f]{64}\.json$/
const mostHeld = 50_000

/** What a node said went wrong with the revision of that path. */
export function problemOf(node: NodeState, path: string): NodeProblem | undefined {
  return node.problems.find((one) => revisionPath(one.namespace, one.profile, one.digest) === path)
}

export function createNodes(known: readonly KnownNode[]): Nodes {
  const entries = new Map<string, Entry>()
  for (const { name, lastSeen, holding, status } of known) {
    const gone = { connected: false, bootId: '', version: '', problems: [] }
    entries.set(name, { ...gone, name, lastSeen, status, holding: new Set(holding) })
  }
  const sorted = () => [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))

  return {
    connected(hello, now) {
      const held = hello.holding.filter((path) => pathForm.test(path)).slice(0, mostHeld)
      entries.set(hello.node, {
        name: hello.node,
        connected: true,
        lastSeen: now,
        bootId: hello.bootId,
        version: hello.version,
        status: hello.status,
        holding: new Set(held),
        problems: []
      })
    },
    disconnected(name, now) {
      const entry = entries.get(name)
      if (entry === undefined) return
      entry.connected = false
      entry.lastSeen = now
    },
    seen(name, now) {
      const entry = entries.get(name)
      if (entry !== undefined) entry.lastSeen = now
    },
    status(name, status) {
      const entry = entries.get(name)
      if (entry !== undefined) entry.status = status
    },
    revision(name, { namespace, profile, digest, ready, code, message }) {
      const entry = entries.get(name)
      if (entry === undefined || !digestForm.test(digest)) return false
      const path = revisionPath(namespace, profile, digest)
      const before = problemOf(entry, path)
      const held = entry.holding.has(path)
      if (ready ? held && before === undefined : !held && before?.message === message) return false
      entry.problems = entry.problems.filter((one) => one !== before)
      // Not there is no failure: the node waits for it like one that never had it.
      if (!ready && code === 'NOT_FOUND') entry.holding.delete(path)
      else if (ready) {
        if (entry.holding.size < mostHeld) entry.holding.add(path)
      } else {
        entry.holding.delete(path)
        entry.problems.push({ namespace, profile, digest, code, message: message.slice(0, 512) })
      }
      return true
    },
    forget: (name) => void entries.delete(name),
    get: (name) => entries.get(name),
    list: sorted,
    counted(nowMs, graceMs) {
      return sorted().filter(
        (node) => node.connected || nowMs - Date.parse(node.lastSeen) <= graceMs
      )
    },
    known: () =>
      sorted().map(({ name, lastSeen, holding, status }) => ({
        ...{ name, lastSeen, holding: [...holding].sort() },
        ...(status === undefined ? {} : { status })
      }))
  }
}
