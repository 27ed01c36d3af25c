import { startTimeOf } from '../containers/processes.js'
import type { Container } from '../containers/runtime.js'
import { type InspectedContainer, inspectedContainer } from './container-facts.js'
import { timeOfTicks } from '../lib/node-clock.js'

/** InspectedSet holds the running containers that the inspector has seen. */
export class InspectedSet {
  readonly #byKey = new Map<string, InspectedContainer>()
  readonly #byPid = new Map<number, InspectedContainer>()
  /** The newest of each id: one that a user chose is used again and again. */
  readonly #byId = new Map<string, InspectedContainer>()
  /** Keys by the registry's objects: a container that changed is a new object. */
  readonly #keys = new WeakMap<Container, string>()
  /** Containers that started a short time ago and are read often. */
  readonly young = new Set<InspectedContainer>()
  /** Containers with filters that were not read yet. */
  readonly unread = new Set<InspectedContainer>()

  /** Adds a container, or the registry's new object of a known one. Returns undefined if its process is gone. */
  add(container: Container, at: number): InspectedContainer | undefined {
    const ticks = startTimeOf(container.pid)
    if (ticks === undefined) return undefined
    const key = `${container.id}@${ticks}`
    this.#keys.set(container, key)
    const before = this.#byKey.get(key)
    if (before !== undefined) {
      before.container = container
      return before
    }
    const inspected = inspectedContainer(key, container, timeOfTicks(ticks), at)
    this.#byKey.set(key, inspected)
    this.#byPid.set(container.pid, inspected)
    inspected.before = this.#byId.get(container.id)
    this.#byId.set(container.id, inspected)
    this.young.add(inspected)
    return inspected
  }

  remove(inspected: InspectedContainer): void {
    this.#byKey.delete(inspected.key)
    const { pid } = inspected.container
    if (this.#byPid.get(pid) === inspected) this.#byPid.delete(pid)
    if (this.#byId.get(inspected.container.id) === inspected) {
      this.#byId.delete(inspected.container.id)
    }
    this.young.delete(inspected)
    this.unread.delete(inspected)
  }

  has(inspected: InspectedContainer): boolean {
    return this.#byKey.has(inspected.key)
  }

  /** The key of a container of the registry. */
  keyOf(container: Container): string | undefined {
    return this.#keys.get(container)
  }

  /** The same run as a container that has ended; its process id may belong to another container now. */
  sameRun({ id, firstPid }: Container): InspectedContainer | undefined {
    const found = this.#byPid.get(firstPid ?? 0)
    return found?.container.id === id ? found : undefined
  }

  all(): Iterable<InspectedContainer> {
    return this.#byKey.values()
  }

  forEach(visit: (inspected: InspectedContainer) => void): void {
    this.#byKey.forEach(visit)
  }
}
