import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadAddon } from '../native/addon.js'

/**
 * V8 grows its heap while work comes in bursts, and keeps it: for a program whose data are a few
 * megabytes that is most of its memory. These hold it near what is alive, for a little more collecting.
 * Young objects: one megabyte, as at the start. Old ones: a fifth above what survived. To be called
 * before anything large is loaded.
 *
 * A megabyte is collected in half a millisecond: to wake four threads for it costs more than they do. And code
 * that runs some times a second is not worth optimising for, in time and in memory: it has to have run three times
 * as long as V8 would ask for.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--interrupt-budget=200000')
}

const trimEveryMs = 60_000

/**
 * Gives back, once a minute, what malloc keeps of bursts: each thread that compiles, collects or watches has
 * pages of its own, and none returns them by itself. Takes a millisecond or less. @returns how to end that.
 */
export function giveBackMemory(everyMs = trimEveryMs): () => void {
  const timer = setInterval(() => {
    try {
      loadAddon().trimMemory()
    } catch {
      // Without the addon nothing is traced, and little is kept.
      clearInterval(timer)
    }
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Collects once, when a burst is over that will not come again: the start. Takes some 20 ms. */
export function collectOnce(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof gc === 'function') (gc as () => void)()
}
