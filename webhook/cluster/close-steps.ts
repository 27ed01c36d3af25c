import { setTimeout as delay } from 'node:timers/promises'
/** CloseSteps remembers how to close what was started, and closes it in the reverse order. */
export class CloseSteps {
  readonly #steps: (() => Promise<void> | void)[] = []

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step)
  }

  readonly run = async (): Promise<void> => {
    for (const step of this.#steps.splice(0).reverse()) await step()
  }
}

/** Waits for work, at most so many milliseconds. */
export async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  await Promise.race([work, delay(ms, undefined, { ref: false })])
}
