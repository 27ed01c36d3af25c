import { closeSync, openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Gap is how long a task took, and the longest turn of the event loop in it, in ms. */
export interface Gap {
  gapMs: number
  tookMs: number
}

/**
 * RunClock is a clock that stands still while this thread could run and another one has the processor: proc(5), schedstat.
 * With it, a time is little more on a busy machine than on an idle one.
 */
export class RunClock {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  readonly #bytes = Buffer.alloc(128)

  ms(): number {
    const length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, 0)
    const waitedNs = Number(this.#bytes.toString('latin1', 0, length).split(' ')[1])
    return performance.now() - waitedNs / 1e6
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * Runs a task while a chain of immediates measures each turn of the event loop. Time in which other programs of a busy
 * machine had the processor does not count.
 */
export async function longestGap(run: () => Promise<unknown>): Promise<Gap> {
  const clock = new RunClock()
  const began = performance.now()
  let gapMs = 0
  let running = true
  let last = clock.ms()
  const note = () => {
    const now = clock.ms()
    gapMs = Math.max(gapMs, now - last)
    last = now
  }
  const tick = () => {
    if (!running) return
    note()
    setImmediate(tick)
  }
  setImmediate(tick)
  try {
    await run()
  } finally {
    running = false
    note()
    clock.close()
  }
  return { gapMs, tookMs: performance.now() - began }
}
