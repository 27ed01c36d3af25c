import { sameJson } from '../../../src/lib/same-json.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'

type States = ReadonlyMap<string, ProfileState>

/** Who goes through all profiles depends on each. */
export const everyProfile = '*'

/** ReadStates notes which profiles somebody looks at, so that what was computed is computed again when one of them changes. */
export class ReadStates implements States {
  readonly #states: States
  readonly #reads: Set<string>

  constructor(states: States, reads: Set<string>) {
    this.#states = states
    this.#reads = reads
  }

  get(key: string): ProfileState | undefined {
    this.#reads.add(key)
    return this.#states.get(key)
  }

  has(key: string): boolean {
    this.#reads.add(key)
    return this.#states.has(key)
  }

  get size(): number {
    return this.#all().size
  }

  forEach(...args: Parameters<States['forEach']>): void {
    this.#all().forEach(...args)
  }

  entries(): ReturnType<States['entries']> {
    return this.#all().entries()
  }

  keys(): ReturnType<States['keys']> {
    return this.#all().keys()
  }

  values(): ReturnType<States['values']> {
    return this.#all().values()
  }

  [Symbol.iterator](): ReturnType<States['entries']> {
    return this.entries()
  }

  #all(): States {
    this.#reads.add(everyProfile)
    return this.#states
  }
}

/** Returns the keys whose states differ. */
function differing(before: States, now: States): string[] {
  if (before === now) return []
  const changed = [...now].filter(([key, state]) => {
    const old = before.get(key)
    return old !== state && !sameJson(old, state)
  })
  const gone = [...before.keys()].filter((key) => !now.has(key))
  return [...changed.map(([key]) => key), ...gone]
}

/** ViewInputs says what has changed of that from which the views of containers are computed. */
export class ViewInputs {
  readonly #states: () => States
  readonly #snapshot: () => Snapshot
  #seen: { states: States; snapshot: Snapshot }

  constructor(states: () => States, snapshot: () => Snapshot) {
    this.#states = states
    this.#snapshot = snapshot
    this.#seen = { states: states(), snapshot: snapshot() }
  }

  /** Returns the keys of the profiles that changed since the last call; `all` when rules, nodes or namespaces did. */
  changed(): 'all' | string[] {
    const before = this.#seen
    this.#seen = { states: this.#states(), snapshot: this.#snapshot() }
    const { states, snapshot } = this.#seen
    if (before.snapshot.surroundings !== snapshot.surroundings) return 'all'
    return [
      ...differing(before.states, states),
      ...differing(before.snapshot.profiles, snapshot.profiles)
    ]
  }
}
