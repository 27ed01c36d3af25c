import { revisionPath } from '../../../src/api/names.js'
import type { Hello, NodeStatus, RevisionStatus } from '../../../src/api/gen/hub.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { type CarriedLosses, carriedLosses, withCarried } from './carried-losses.js'
import { CountedNodes } from './counted-nodes.js'
import { type FleetParts, partsOf } from './fleet-parts.js'
import type { KnownNode, NodeProblem, NodeState } from './node-state.js'
import type { Readiness } from './readiness.js'

interface Entry extends NodeState {
  /** When it was last seen, by the monotonic clock. */
  seenMs: number
  carried: CarriedLosses | undefined
  holding: Set<string>
  problems: Map<string, NodeProblem>
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
  /** Returns how many of the counted nodes have a revision. */
  readiness(graceMs: number): (path: string) => Readiness
  /** Returns what renderings depend on of all nodes. */
  parts(): FleetParts
  /** Returns how long ago a node was seen; 0 for an unknown one. */
  unseenMs(name: string): number
  /** Returns a node as it is saved. */
  known(name: string): KnownNode | undefined
  names(): string[]
  /** Returns the names of the nodes of which something else has to be saved since the last call. */
  takeChanged(): Set<string>
}

const digestForm = /^sha256:[0-9a-f]{64}$/
const pathForm = /^secco\/[^/]{1,63}\/[^/]{1,253}\/[0-9a-f]{64}\.json$/
const mostHeld = 50_000
const mostPaths = 100_000
/** Revisions that one node could not make ready; beyond that the oldest is forgotten. */
const mostProblems = 1000

const isOlder = ({ connected, lastSeen }: NodeState, than: KnownNode): boolean =>
  !connected && Date.parse(lastSeen) < Date.parse(than.lastSeen)

/** Returns the entry of a node that another hub, or an earlier process, knew. */
function inherited(
  { name, lastSeen, holding, status, carried }: KnownNode,
  clock: NodeClock
): Entry {
  const gone = { connected: false, bootId: '', version: '', problems: new Map(), inherited: true }
  const ageMs = Math.max(0, clock.wallMs() - Date.parse(lastSeen))
  const seenMs = clock.monotonicMs() - ageMs
  return { ...gone, name, lastSeen, seenMs, status, carried, holding: new Set(holding) }
}

/** Records what a node reported of a revision; returns whether that is news. */
function noteRevision(
  entry: Entry,
  { namespace, profile, digest, ready, code, message: given }: RevisionStatus,
  counts: CountedNodes,
  path: string
): boolean {
  const { holding, problems } = entry
  const before = problems.get(path)
  const held = holding.has(path)
  const message = cutText(given, 512)
  if (ready ? held && before === undefined : !held && before?.message === message) return false
  counts.change(entry, path, () => {
    problems.delete(path)
    // A missing file is no failure: the node waits for it like a node that never had it.
    if (!ready && code === 'NOT_FOUND') holding.delete(path)
    else if (ready) {
      if (holding.size < mostHeld) holding.add(path)
    } else {
      holding.delete(path)
      problems.set(path, { namespace, profile, digest, code: cutText(code, 64), message })
    }
  })
  const [oldest] = problems.keys()
  if (problems.size > mostProblems && oldest !== undefined)
    counts.change(entry, oldest, () => problems.delete(oldest))
  return true
}

class FleetNodes implements Nodes {
  readonly #clock: NodeClock
  readonly #entries = new Map<string, Entry>()
  readonly #counts = new CountedNodes()
  /** One text for each path: thousands of nodes hold the same files. */
  readonly #paths = new Map<string, string>()
  #changed = new Set<string>()
  /** In order of the names; undefined after a node was added, replaced or forgotten. */
  #order: readonly Entry[] | undefined
  /** What renderings depend on; undefined after a node came, reported or went. */
  #parts: FleetParts | undefined

  constructor(known: readonly KnownNode[], clock: NodeClock) {
    this.#clock = clock
    for (const one of known) this.#inherit(one)
  }

  inherit(all: readonly KnownNode[]): void {
    for (const one of all) {
      const known = this.#entries.get(one.name)
      if (known === undefined || isOlder(known, one)) this.#inherit(one)
    }
  }

  connected(hello: Hello, now: string): void {
    const held = hello.holding.filter((path) => pathForm.test(path)).slice(0, mostHeld)
    const before = this.#entries.get(hello.node)?.carried
    const carried = carriedLosses(before, hello, hello.status?.losses)
    this.#put({
      ...{ name: hello.node, connected: true, lastSeen: now },
      seenMs: this.#clock.monotonicMs(),
      bootId: hello.bootId,
      version: hello.version,
      status: withCarried(hello.status, carried),
      carried,
      holding: new Set(held.map((path) => this.#interned(path))),
      problems: new Map()
    })
  }

  disconnected(name: string, now: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    entry.connected = false
    this.#see(entry, now)
    this.#changed.add(name)
  }

  seen(name: string, now: string): void {
    const entry = this.#entries.get(name)
    if (entry !== undefined) this.#see(entry, now)
  }

  status(name: string, status: NodeStatus): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const { bootId, carried } = entry
    const process = { bootId, startedAt: carried?.satellite }
    entry.carried = carriedLosses(carried, process, status.losses)
    entry.status = withCarried(status, entry.carried)
    this.#parts = undefined
    this.#changed.add(name)
  }

  revision(name: string, status: RevisionStatus): boolean {
    const entry = this.#entries.get(name)
    if (entry === undefined || !digestForm.test(status.digest)) return false
    const named = revisionPath(status.namespace, status.profile, status.digest)
    if (!pathForm.test(named)) return false
    const path = this.#interned(named)
    const isNews = noteRevision(entry, status, this.#counts, path)
    if (isNews) this.#changed.add(name)
    return isNews
  }

  forget(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#counts.set(entry, false)
    this.#entries.delete(name)
    this.#replaced(name)
  }

  get(name: string): NodeState | undefined {
    return this.#entries.get(name)
  }

  list(): NodeState[] {
    return [...this.#sorted()]
  }

  counted(graceMs: number): NodeState[] {
    return this.#sorted().filter((entry) => this.#isCounted(entry, graceMs))
  }

  readiness(graceMs: number): (path: string) => Readiness {
    for (const entry of this.#entries.values())
      this.#counts.set(entry, this.#isCounted(entry, graceMs))
    return (path) => this.#counts.readiness(path, () => this.#sorted())
  }

  parts(): FleetParts {
    return (this.#parts ??= partsOf(this.#sorted()))
  }

  unseenMs(name: string): number {
    const now = this.#clock.monotonicMs()
    return now - (this.#entries.get(name)?.seenMs ?? now)
  }

  known(name: string): KnownNode | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const { connected, lastSeen, holding, status, carried } = entry
    return {
      ...{ name, connected, lastSeen, holding },
      ...(status === undefined ? {} : { status }),
      ...(carried === undefined ? {} : { carried })
    }
  }

  names(): string[] {
    return [...this.#entries.keys()]
  }

  takeChanged(): Set<string> {
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  #inherit(one: KnownNode): void {
    const holding = [...one.holding].map((path) => this.#interned(path))
    this.#put(inherited({ ...one, holding }, this.#clock))
  }

  #put(entry: Entry): void {
    const before = this.#entries.get(entry.name)
    if (before !== undefined) this.#counts.set(before, false)
    this.#entries.set(entry.name, entry)
    // A pass that goes on must not miss a node that has just come back; readiness() leaves out those that are away too long.
    this.#counts.set(entry, true)
    this.#replaced(entry.name)
  }

  #replaced(name: string): void {
    this.#order = undefined
    this.#parts = undefined
    this.#changed.add(name)
  }

  #see(entry: Entry, now: string): void {
    entry.lastSeen = now
    entry.seenMs = this.#clock.monotonicMs()
  }

  #isCounted({ connected, name }: Entry, graceMs: number): boolean {
    return connected || this.unseenMs(name) <= graceMs
  }

  #interned(path: string): string {
    const known = this.#paths.get(path)
    if (known !== undefined) return known
    if (this.#paths.size >= mostPaths) this.#paths.clear()
    this.#paths.set(path, path)
    return path
  }

  #sorted(): readonly Entry[] {
    return (this.#order ??= [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
  }
}

export function createNodes(known: readonly KnownNode[], clock: NodeClock = systemClock): Nodes {
  return new FleetNodes(known, clock)
}
