import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { type Addon, loadAddon } from '../native/addon.js'

/**
 * Keeps the heap near what is alive, for a little more garbage collection. V8 grows its heap during bursts of work
 * and keeps it; for a program with a few megabytes of data that is most of its memory. Call this before anything
 * large is loaded.
 * - Young objects get one megabyte (V8 has that twice), as at the start; old ones a fifth more than what survived.
 *   malloc is limited likewise (native/addon/memory-exports.cc).
 * - One megabyte is collected in half a millisecond: waking other threads for it, and for its buffers, costs more.
 *   Marking stays parallel, because V8 aborts if that changes at run time.
 * - Code that runs a few times a second is not worth optimising, in time and in memory (ten megabytes with a thousand
 *   containers): it has to run about forty times as often as V8 requires by default.
 *
 * These are not command line flags, because NODE_OPTIONS rejects them and `secco` starts all other programs as well.
 * @param threads emits `worker` for each new thread: the process.
 */
export function keepHeapSmall(threads: Pick<NodeJS.Process, 'on'>): void {
  keepYoungSmall()
  threads.on('worker', (thread: Worker) =>
    // Not every thread comes online.
    thread.on('online', keepYoungSmall).on('exit', keepYoungSmall)
  )
  setFlagsFromString('--heap-growing-percent=20')
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--no-concurrent-array-buffer-sweeping')
  for (const flag of slowOptimisation) setFlagsFromString(flag)
  withAddon((addon) => addon.keepMallocSmall())
}

/** The flags of V8 12 (Node 22) and later, else those of older ones: V8 prints an error for a flag that it does not have. */
const slowOptimisation =
  Number.parseInt(process.versions.v8, 10) >= 12
    ? ['--invocation-count-for-maglev=16000', '--invocation-count-for-turbofan=120000']
    : ['--interrupt-budget=3000000']

/**
 * Sets a growth factor of 1. Whenever V8 creates a heap, it raises a factor below 2 for all heaps of the process
 * (Heap::ConfigureHeap), so each new thread needs another call.
 */
function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Returns false without the addon: then nothing is traced, and little memory is used. */
function withAddon(what: (addon: Addon) => void): boolean {
  try {
    what(loadAddon())
    return true
  } catch {
    return false
  }
}

const trimEveryMs = 60_000
/** Every so many trims also collect and compact the heap. */
const compactEvery = 5

/** Runs a full garbage collection. The function is not kept, because it holds a context of its own. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof gc === 'function') (gc as () => void)()
}

/** Moves objects from half-empty pages into fewer full ones; V8 itself waits until pages are much emptier. About 40 ms. */
export function compact(): void {
  setFlagsFromString('--compact-on-every-full-gc')
  collect()
  setFlagsFromString('--no-compact-on-every-full-gc')
}

/**
 * Returns memory to the system that bursts leave behind: every minute what malloc keeps (each thread that compiles,
 * collects or watches has pages of its own, and returns none by itself), every fifth time what V8 keeps: otherwise
 * its pages fill with holes for hours. Returns a function that ends it.
 */
export function giveBackMemory(everyMs = trimEveryMs): () => void {
  let round = 0
  const timer = setInterval(() => {
    round += 1
    if (round % compactEvery === 0) compact()
    if (!withAddon((addon) => addon.trimMemory())) clearInterval(timer)
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
