/** Listeners calls back whoever asked for it, in the order of asking. */
export class Listeners<Event = void> {
  readonly #all = new Set<(event: Event) => void>()

  /** Adds a listener; returns how to remove it. */
  readonly add = (listener: (event: Event) => void): (() => void) => {
    this.#all.add(listener)
    return () => void this.#all.delete(listener)
  }

  notify(event: Event): void {
    for (const listener of [...this.#all]) listener(event)
  }

  clear(): void {
    this.#all.clear()
  }
}
