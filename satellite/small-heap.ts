import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { type Addon, loadAddon } from '../native/addon.js'

/**
 * V8 grows its heap while work comes in bursts, and keeps it: for a program whose data are a few
 * megabytes that is most of its memory. These hold it near what is alive, for a little more collecting.
 * Young objects: one megabyte (V8 has that twice), as at the start. Old ones: a fifth above what survived. malloc the same
 * (native/addon/memory-exports.cc). To be called before anything large is loaded.
 *
 * A megabyte is collected in half a millisecond: to wake other threads for it, and for the buffers that were in it,
 * costs more than they do. (Marking is left to them: V8 ends the process where that changes under way.) And code that
 * runs some times a second is not worth optimising, in time and in memory (ten megabytes with a thousand containers):
 * it has to have run some forty times as long as V8 would ask for.
 * @param threads tells of threads that are made (`worker`): the process.
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
  setFlagsFromString('--interrupt-budget=3000000')
  withAddon((addon) => addon.keepMallocSmall())
}

/**
 * V8 takes no factor below 2 and sees to that when a heap is made, for all heaps of the process: whenever there is a
 * new thread it has to be said again (V8's Heap::ConfigureHeap).
 */
function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** @returns false without the addon: then nothing is traced, and little is kept. */
function withAddon(what: (addon: Addon) => void): boolean {
  try {
    what(loadAddon())
    return true
  } catch {
    return false
  }
}

const trimEveryMs = 60_000
/** Of those: this one collects and compacts too. */
const compactEvery = 5

/** V8's own collection of everything; not kept: it holds a context of its own. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof gc === 'function') (gc as () => void)()
}

/** Pages that are half empty become few that are full: V8 alone does that when they are much emptier. Some 40 ms. */
export function compact(): void {
  setFlagsFromString('--compact-on-every-full-gc')
  collect()
  setFlagsFromString('--no-compact-on-every-full-gc')
}

/**
 * Gives back what bursts leave behind: once a minute what malloc keeps (each thread that compiles, collects or
 * watches has pages of its own, and none returns them by itself), once in five what V8 does: without it pages fill
 * with holes for hours. @returns how to end that.
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
