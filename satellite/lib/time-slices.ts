import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work before other work gets its turn. */
const sliceMs = 8

/** Splits long work into slices: `await slices.pause()` between its pieces lets other work run now and then. */
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
