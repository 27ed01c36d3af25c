import { createLookPace } from './look-pace.js'
import type { Turns } from '../lib/turns.js'

/** What is told in pieces (the audit log tells a call first, its arguments then) is there by then. */
const piecesMs = 30

/** Takes looks by the clock, one after the other, until it is stopped. */
export interface LoopTimer {
  start: () => void
  /** Something is there that cannot wait for the next look: a glance, at most once in each interval. */
  hurry: () => void
  stop: () => void
}

export function createLoopTimer(options: {
  turns: Turns
  intervalMs: number
  /** A whole look. @returns whether it left something for the next. */
  look: () => Promise<boolean>
  glance: () => void
}): LoopTimer {
  const { turns, intervalMs, look, glance } = options
  const pace = createLookPace(intervalMs)
  let looks: NodeJS.Timeout | undefined
  let glances: NodeJS.Timeout | undefined
  let glancedAt = Number.NEGATIVE_INFINITY
  let stopped = false

  async function turn(): Promise<boolean> {
    const began = performance.now()
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
    looks = setTimeout(() => {
      let more = false
      void turns
        .take(async () => {
          more = await turn()
        })
        .then(() => schedule(more ? 0 : Math.max(intervalMs, pace.waitMs(performance.now()))))
    }, delayMs)
  }

  return {
    start: () => schedule(intervalMs),
    hurry() {
      if (stopped || glances !== undefined) return
      const delayMs = Math.max(piecesMs, glancedAt + intervalMs - performance.now())
      glances = setTimeout(() => {
        glances = undefined
        glancedAt = performance.now()
        void turns.take(() => {
          glance()
          return Promise.resolve()
        })
      }, delayMs)
    },
    stop() {
      stopped = true
      clearTimeout(looks)
      clearTimeout(glances)
    }
  }
}
