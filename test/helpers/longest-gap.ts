import { closeSync, openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Gap is how long a task took, and the longest turn of the event loop in it, in ms. */
export interface Gap {
  gapMs: number
  tookMs: number
}

/** WaitClock reads how long this thread could have run and another one had the processor: proc(5), schedstat. */
class WaitClock {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  readonly #bytes = Buffer.alloc(128)

  ms(): number {
    const length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, 0)
    return Number(this.#bytes.toString('latin1', 0, length).split(' ')[1]) / 1e6
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
  const clock = new WaitClock()
  const ranMs = () => performance.now() - clock.ms()
  const began = performance.now()
  let gapMs = 0
  let running = true
  let last = ranMs()
  const note = () => {
    const now = ranMs()
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
