import { setImmediate as turn } from 'node:timers/promises'

/** How long one piece of work keeps the event loop, in ms: admissions run on the same loop. */
export const sliceMs = 8

/** Slices cuts a long piece of work: everything else has its turn after each slice. */
export class Slices {
  #began = performance.now()

  /** Waits for a turn of the event loop when the slice is over. */
  async pause(): Promise<void> {
    if (performance.now() - this.#began < sliceMs) return
    await turn()
    this.#began = performance.now()
  }
}

/** Filters a list of any length; others have their turn of the event loop meanwhile. */
export async function filterInSlices<Item>(
  items: Iterable<Item>,
  isKept: (item: Item) => boolean
): Promise<Item[]> {
  const slices = new Slices()
  const kept: Item[] = []
  for (const item of items) {
    if (isKept(item)) kept.push(item)
    await slices.pause()
  }
  return kept
}
