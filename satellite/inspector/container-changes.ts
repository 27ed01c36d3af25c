import { isSandbox } from '../containers/labels.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import type { InspectedContainer } from './container-facts.js'
import type { InspectedSet } from './inspected-set.js'

/**
 * ContainerChanges collects the registry's changes between two scans, the newest of each run. Walking through all
 * known containers for each new one would be most of the inspector's work. Most containers of a busy node end
 * before they are scanned: nothing is kept of them.
 */
export class ContainerChanges {
  readonly #inspected: InspectedSet
  readonly #waiting = new Map<string, { container: Container; changedAt: number }>()
  readonly #unsubscribe: () => void

  constructor(registry: Pick<ContainerRegistry, 'all' | 'onChange'>, inspected: InspectedSet) {
    this.#inspected = inspected
    this.#unsubscribe = registry.onChange((container) => this.#note(container))
    for (const container of registry.all()) this.#note(container)
  }

  /**
   * Returns the containers that changed at least `ageMs` ago. Containers whose process cannot be read yet, and
   * newer changes, are left for the next call.
   */
  *take(nowMs: number, ageMs: number): Generator<InspectedContainer> {
    for (const [run, { container, changedAt }] of this.#waiting) {
      const isAlive = container.pid > 0
      if (isAlive && nowMs - changedAt < ageMs) continue
      const inspected = isAlive
        ? this.#inspected.add(container, nowMs)
        : this.#inspected.sameRun(container)
      // Gone, or not readable yet: the registry will report which of the two.
      if (inspected === undefined && isAlive) continue
      this.#waiting.delete(run)
      if (inspected === undefined) continue
      yield inspected
      // Most often it has ended: a folder that was made again at once is reported as a change of one container.
      if (inspected.before !== undefined) yield inspected.before
      inspected.before = undefined
    }
  }

  close(): void {
    this.#unsubscribe()
  }

  #note(container: Container): void {
    const run = `${container.id} ${container.firstPid ?? container.pid}`
    const isChange =
      container.pid === 0
        ? this.#inspected.sameRun(container) !== undefined
        : this.#inspected.keyOf(container) === undefined && !isSandbox(container.labels)
    if (!isChange) this.#waiting.delete(run)
    else {
      const changedAt = this.#waiting.get(run)?.changedAt ?? performance.now()
      this.#waiting.set(run, { container, changedAt })
    }
  }
}
