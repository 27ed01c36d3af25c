import { closeSync, openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Gap is how long a task took, and the processor time of the longest turn of the event loop in it, in ms. */
export interface Gap {
  gapMs: number
  tookMs: number
}

/**
 * ThreadClock reads the processor time of the main thread: proc(5), schedstat. On a busy machine the difference of two
 * readings is little more than on an idle one. The kernel brings it up to date at each tick, which is 4 ms at most.
 */
export class ThreadClock {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  readonly #bytes = Buffer.alloc(128)

  ms(): number {
    const length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, 0)
    return Number(this.#bytes.toString('latin1', 0, length).split(' ')[0]) / 1e6
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Runs a task while a chain of immediates measures each turn of the event loop. */
export async function longestGap(run: () => Promise<unknown>): Promise<Gap> {
  const clock = new ThreadClock()
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
