import { setImmediate } from 'node:timers/promises'

/** Milliseconds of one piece of work before everything else has its turn. */
const sliceMs = 8

/** Gives way once in a while: `await slices.pause()` between the pieces of a long work. */
export function timeSlices(): { pause: () => Promise<void> | undefined } {
  let since = performance.now()
  return {
    pause: () => {
      if (performance.now() - since < sliceMs) return undefined
      return setImmediate().then(() => {
        since = performance.now()
      })
    }
  }
}
