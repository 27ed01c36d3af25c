import type { Hello, NodeStatus, RevisionStatus } from '../../../src/api/gen/hub.js'
import { revisionPath } from '../../../src/rules/profile-state.js'

/** NodeProblem is a revision that a node could not make ready. */
interface NodeProblem {
  namespace: string
  profile: string
  digest: string
  /** A code of src/lib/errors.ts, from the satellite. */
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
   * Paths (`revisionPath`) of the verified files on the node. They are paths, not digests: two profiles can have the
   * same content, and each needs its own file.
   */
  holding: ReadonlySet<string>
  problems: readonly NodeProblem[]
  /** Another hub, or an earlier process, knew it; it has not connected to this hub yet. */
  inherited?: boolean
}

/** KnownNode is what a hub saves of a node: files stay on nodes while the hub restarts. */
export interface KnownNode {
  name: string
  lastSeen: string
  holding: string[]
  /** Saved because every rendering depends on the runtimes of the fleet. */
  status?: NodeStatus
}

interface Entry extends NodeState {
  /** When it was last seen, by the monotonic clock. */
  seenMs: number
  holding: Set<string>
  problems: NodeProblem[]
}

/**
 * The clocks of a hub. What is shown and saved is wall-clock time; how long ago something was is measured by a clock
 * that never steps: a step of an hour must not make nodes disappear.
 */
export interface NodeClock {
  wallMs(): number
  monotonicMs(): number
}

const systemClock: NodeClock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

/** Nodes holds the nodes that the hub knows. It has no I/O. */
export interface Nodes {
  connected(hello: Hello, now: string): void
  /** Takes over what another hub knew of nodes that are not connected here. */
  inherit(known: readonly KnownNode[]): void
  disconnected(name: string, now: string): void
  seen(name: string, now: string): void
  status(name: string, status: NodeStatus): void
  /** Records what a node reported of a revision; returns whether that is news. */
  revision(name: string, status: RevisionStatus): boolean
  forget(name: string): void
  get(name: string): NodeState | undefined
  /** Returns the nodes sorted by name. */
  list(): NodeState[]
  /** Returns the nodes whose readiness counts: those connected, or seen within the grace period. */
  counted(graceMs: number): NodeState[]
  /** Returns how long ago a node was seen; 0 for an unknown one. */
  unseenMs(name: string): number
  known(): KnownNode[]
}

const digestForm = /^sha256:[0-9a-f]{64}$/
const pathForm = /^secco\/[^/]{1,63}\/[^/]{1,253}\/[0-9a-f]{64}\.json$/
const mostHeld = 50_000

/** Returns the problem that a node reported with the revision of that path. */
export function problemOf(node: NodeState, path: string): NodeProblem | undefined {
  return node.problems.find((one) => revisionPath(one.namespace, one.profile, one.digest) === path)
}

const isOlder = ({ connected, lastSeen }: NodeState, than: KnownNode): boolean =>
  !connected && Date.parse(lastSeen) < Date.parse(than.lastSeen)

/** Returns the entry of a node that another hub, or an earlier process, knew. */
function inherited({ name, lastSeen, holding, status }: KnownNode, clock: NodeClock): Entry {
  const gone = { connected: false, bootId: '', version: '', problems: [], inherited: true }
  const ageMs = Math.max(0, clock.wallMs() - Date.parse(lastSeen))
  const seenMs = clock.monotonicMs() - ageMs
  return { ...gone, name, lastSeen, seenMs, status, holding: new Set(holding) }
}

export function createNodes(known: readonly KnownNode[], clock: NodeClock = systemClock): Nodes {
  const entries = new Map<string, Entry>()
  const inherit = (one: KnownNode): void => void entries.set(one.name, inherited(one, clock))
  for (const one of known) inherit(one)
  const see = (entry: Entry, now: string): void => {
    entry.lastSeen = now
    entry.seenMs = clock.monotonicMs()
  }
  const unseenMs = (name: string): number => {
    const now = clock.monotonicMs()
    return now - (entries.get(name)?.seenMs ?? now)
  }
  const sorted = () => [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))

  return {
    inherit(all) {
      for (const one of all) {
        const known = entries.get(one.name)
        if (known === undefined || isOlder(known, one)) inherit(one)
      }
    },
    connected(hello, now) {
      const held = hello.holding.filter((path) => pathForm.test(path)).slice(0, mostHeld)
      entries.set(hello.node, {
        name: hello.node,
        connected: true,
        lastSeen: now,
        seenMs: clock.monotonicMs(),
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
      see(entry, now)
    },
    seen(name, now) {
      const entry = entries.get(name)
      if (entry !== undefined) see(entry, now)
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
      // A missing file is no failure: the node waits for it like a node that never had it.
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
    counted: (graceMs) =>
      sorted().filter(({ connected, name }) => connected || unseenMs(name) <= graceMs),
    unseenMs,
    known: () =>
      sorted().map(({ name, lastSeen, holding, status }) => ({
        ...{ name, lastSeen, holding: [...holding].sort() },
        ...(status === undefined ? {} : { status })
      }))
  }
}
