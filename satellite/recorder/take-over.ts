import type { Recorder } from '../../native/types.js'
import type { Logger } from '../../src/lib/log.js'
import { isSandbox } from '../containers/labels.js'
import type { Container } from '../containers/runtime.js'
import { timeSlices } from '../lib/time-slices.js'

/**
 * Removes what a recorder with another layout pinned here, once this one is attached.
 * @returns containers that were recorded in it, at least one for each layout whose slots cannot be counted.
 */
export function takeLeftovers(recorder: Recorder, logger: Logger): number {
  let missed = 0
  for (const { problem, ...removed } of recorder.leftovers()) {
    if (problem === '') {
      missed += removed.missed
      logger.warn(removed, 'removed pins of another layout')
      continue
    }
    missed += Math.max(1, removed.missed)
    logger.error({ ...removed, problem }, 'removed pins of another layout that cannot be read')
  }
  return missed
}

/**
 * Attaches a recorder that is to be attached anyway, and removes pins of other layouts at once, so that only one of
 * the two records. Why it cannot be attached is reported by whoever attaches it next.
 * @returns as takeLeftovers()
 */
export function takeOverEarly(recorder: Recorder, logger: Logger): number {
  try {
    recorder.attach()
  } catch {
    return 0
  }
  return takeLeftovers(recorder, logger)
}

/** Gives containers that run already their slots; what began before the recorder is not complete. */
export async function adoptRunning(
  recorder: Recorder,
  containers: readonly Container[],
  only: ((container: Container) => boolean) | undefined
): Promise<void> {
  const slices = timeSlices()
  for (const container of containers) {
    await slices.pause()
    // A created one has not begun: the kernel meets it at its first instruction.
    if (container.status !== 'running' || container.mntns === undefined) continue
    if (isSandbox(container.labels) || only?.(container) === false) continue
    recorder.adopt(container.mntns, container.cgroupId ?? 1n, container.pid)
  }
}
