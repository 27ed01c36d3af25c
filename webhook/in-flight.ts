import { setTimeout as delay } from 'node:timers/promises'

/** InFlight counts requests in flight, and resolves when there are none. */
export class InFlight {
  #count = 0
  #begun = 0
  #waiting: (() => void)[] = []

  begin(): void {
    this.#count++
    this.#begun++
  }

  readonly end = (): void => {
    this.#count--
    if (this.#count > 0) return
    for (const resolve of this.#waiting) resolve()
    this.#waiting = []
  }

  /** Resolves when no request came for `ms`. */
  async quiet(ms: number, signal: AbortSignal): Promise<void> {
    for (let before = -1; before !== this.#begun && !signal.aborted; ) {
      before = this.#begun
      await this.#idle()
      await delay(ms, undefined, { signal }).catch(() => undefined)
    }
  }

  #idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
