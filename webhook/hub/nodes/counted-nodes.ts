import type { NodeState } from './node-state.js'
import type { Readiness } from './readiness.js'

const none: ReadonlySet<never> = new Set<never>()

/**
 * CountedNodes counts, by revision, the nodes that hold it and those that could not make it ready, among the nodes whose
 * readiness counts. It is told what changes, so that a rollout to thousands of nodes goes through them once, and not once
 * for each report.
 */
export class CountedNodes {
  readonly #counted = new Set<NodeState>()
  /** Number of nodes by path. */
  readonly #holding = new Map<string, number>()
  readonly #failed = new Map<string, Set<NodeState>>()

  /** Counts a node from now on, or no longer. */
  set(node: NodeState, counts: boolean): void {
    if (this.#counted.has(node) === counts) return
    if (counts) this.#counted.add(node)
    else this.#counted.delete(node)
    for (const path of node.holding) this.#hold(path, counts ? 1 : -1)
    for (const path of node.problems.keys()) this.#fail(path, node, counts)
  }

  /** Applies a change of what a node has of one revision. */
  change(node: NodeState, path: string, apply: () => void): void {
    if (!this.#counted.has(node)) {
      apply()
      return
    }
    const held = Number(node.holding.has(path))
    apply()
    this.#hold(path, Number(node.holding.has(path)) - held)
    this.#fail(path, node, node.problems.has(path))
  }

  /** @param sorted all nodes in the order of their names */
  readiness(path: string, sorted: () => readonly NodeState[]): Readiness {
    const failed: ReadonlySet<NodeState> = this.#failed.get(path) ?? none
    const lacks = (node: NodeState): boolean =>
      this.#counted.has(node) && !node.holding.has(path) && !failed.has(node)
    return {
      ready: this.#holding.get(path) ?? 0,
      total: this.#counted.size,
      get waiting() {
        return sorted()
          .filter(lacks)
          .map(({ name }) => name)
      },
      failed: [...failed]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name: node, problems }) => {
          const { code = '', message = '' } = problems.get(path) ?? {}
          return { node, code, message }
        }),
      first(most) {
        const names: string[] = []
        for (const node of sorted()) {
          if (names.length === most) break
          if (lacks(node)) names.push(node.name)
        }
        return names
      }
    }
  }

  #hold(path: string, added: number): void {
    const count = (this.#holding.get(path) ?? 0) + added
    if (count === 0) this.#holding.delete(path)
    else this.#holding.set(path, count)
  }

  #fail(path: string, node: NodeState, fails: boolean): void {
    const nodes = this.#failed.get(path)
    if (fails) this.#failed.set(path, (nodes ?? new Set()).add(node))
    else if (nodes?.delete(node) === true && nodes.size === 0) this.#failed.delete(path)
  }
}
