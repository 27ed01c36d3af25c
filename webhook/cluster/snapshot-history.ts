import { isDeepStrictEqual } from 'node:util'
import type { Snapshot } from '../../src/rules/snapshot.js'

/** Different sets of rules that are kept; each may hold thousands of compiled rules. */
const mostRules = 64

type Undo<Value> = readonly (readonly [key: string, before: Value | undefined])[]
type MapsOf = Pick<Snapshot, 'profiles' | 'namespaces' | 'nodes'>

/** Step is one snapshot, as what differs from the one after it. */
interface Step extends Pick<Snapshot, 'rules' | 'canaries' | 'options'> {
  since: number
  /** What its predecessor had instead. */
  undo: {
    [Name in keyof MapsOf]: Undo<MapsOf[Name] extends ReadonlyMap<string, infer V> ? V : never>
  }
}

function undoOf<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>
): Undo<Value> {
  const changed = [...before].filter(([key, value]) => {
    const now = after.get(key)
    return now !== value && !isDeepStrictEqual(now, value)
  })
  const added = [...after.keys()].filter((key) => !before.has(key))
  return [...changed, ...added.map((key) => [key, undefined] as const)]
}

function restore<Value>(map: Map<string, Value>, undo: Undo<Value>): void {
  for (const [key, before] of undo) {
    if (before === undefined) map.delete(key)
    else map.set(key, before)
  }
}

function stepOf(before: Snapshot | undefined, snapshot: Snapshot, since: number): Step {
  const { rules, canaries, options } = snapshot
  const undo: Step['undo'] = { profiles: [], namespaces: [], nodes: [] }
  if (before !== undefined) undo.profiles = undoOf(before.profiles, snapshot.profiles)
  if (before !== undefined && before.surroundings !== snapshot.surroundings) {
    undo.namespaces = undoOf(before.namespaces, snapshot.namespaces)
    undo.nodes = undoOf(before.nodes, snapshot.nodes)
  }
  return { since, rules, canaries, options, undo }
}

/**
 * SnapshotHistory holds every snapshot of the last minutes, and the one before them. It costs what changed between them.
 * Only of rules that change more often some are left out: those that were in force for the shortest time.
 */
export class SnapshotHistory {
  readonly #keepMs: number
  #newest: Snapshot | undefined
  /** The oldest first. */
  #steps: Step[] = []

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** Notes which snapshot is in force. */
  see(snapshot: Snapshot, now: number): void {
    if (this.#newest === snapshot) return
    this.#steps.push(stepOf(this.#newest, snapshot, now))
    this.#newest = snapshot
    // The newest one that is that old was in force when that time began.
    const first = this.#steps.findLastIndex(({ since }) => since <= now - this.#keepMs)
    this.#steps.splice(0, Math.max(0, first))
    this.#leaveOutRules()
  }

  /** Returns since when snapshots are known; undefined if none is. */
  get since(): number | undefined {
    return this.#steps[0]?.since
  }

  /** Iterates over what was in force at a time and after it, the newest first. A snapshot is valid until the next one. */
  *back(until: number): Generator<Snapshot> {
    const newest = this.#newest
    if (newest === undefined) return
    yield newest
    const profiles = new Map(newest.profiles)
    const namespaces = new Map(newest.namespaces)
    const nodes = new Map(newest.nodes)
    for (let at = this.#steps.length - 1; at > 0; at--) {
      const [before, step] = [this.#steps[at - 1], this.#steps[at]]
      if (before === undefined || step === undefined || step.since <= until) return
      restore(profiles, step.undo.profiles)
      restore(namespaces, step.undo.namespaces)
      restore(nodes, step.undo.nodes)
      const { rules, canaries, options } = before
      yield { ...newest, profiles, namespaces, nodes, rules, canaries, options }
    }
  }

  #leaveOutRules(): void {
    const steps = this.#steps
    const starts = steps.flatMap(({ rules }, at) => (rules === steps[at - 1]?.rules ? [] : [at]))
    if (starts.length <= mostRules) return
    const lasted = (nth: number): number =>
      (steps[starts[nth + 1] ?? 0]?.since ?? 0) - (steps[starts[nth] ?? 0]?.since ?? 0)
    // Neither the first nor the newest.
    const inner = starts.map((_, nth) => nth).slice(1, -1)
    const shortest = inner.reduce((one, other) => (lasted(other) < lasted(one) ? other : one))
    const earlier = steps[(starts[shortest] ?? 1) - 1]
    for (const step of steps.slice(starts[shortest], starts[shortest + 1])) {
      if (earlier !== undefined) step.rules = earlier.rules
    }
  }
}
