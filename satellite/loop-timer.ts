import { createLookPace } from './look-pace.js'
import type { Turns } from './turns.js'

/** Takes looks by the clock, one after the other, until it is stopped. */
export interface LoopTimer {
  start(): void
  stop(): void
}

export function createLoopTimer(options: {
  turns: Turns
  intervalMs: number
  /** A whole look. @returns whether it left something for the next. */
  look: () => Promise<boolean>
  /** Between two of them, at each interval: what cannot wait. */
  glance: () => void
}): LoopTimer {
  const { turns, intervalMs, look, glance } = options
  const pace = createLookPace(intervalMs)
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function turn(): Promise<boolean> {
    const began = performance.now()
    if (!pace.isDue(began)) {
      glance()
      return false
    }
    let more = false
    try {
      more = await look()
    } finally {
      pace.looked(began, performance.now(), more)
    }
    return more
  }

  function schedule(delayMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      let more = false
      void turns
        .take(async () => {
          more = await turn()
        })
        .then(() => schedule(more ? 0 : intervalMs))
    }, delayMs)
  }

  return {
    start: () => schedule(intervalMs),
    stop() {
      stopped = true
      clearTimeout(timer)
    }
  }
}
