import type { Recorder } from '../../native/types.js'
import type { Logger } from '../../src/lib/log.js'
import { isSandbox } from '../containers/labels.js'
import type { Container } from '../containers/runtime.js'
import { timeSlices } from '../lib/time-slices.js'

/**
 * Removes what a recorder with another layout pinned here. This recorder has to be attached already.
 * @returns the number of containers that it recorded; at least one for each layout whose slots cannot be counted.
 */
export function removeLeftovers(recorder: Recorder, logger: Logger): number {
  let missed = 0
  for (const { problem, ...facts } of recorder.leftovers()) {
    if (problem === '') {
      missed += facts.missed
      logger.warn(facts, 'removed pins of another layout')
      continue
    }
    missed += Math.max(1, facts.missed)
    logger.error({ ...facts, problem }, 'removed pins of another layout that cannot be read')
  }
  return missed
}

/**
 * Attaches the recorder and removes leftovers as early as possible, so that only one of the two records. If the
 * recorder cannot be attached, the next attempt reports why.
 * @returns as removeLeftovers()
 */
export function attachEarly(recorder: Recorder, logger: Logger): number {
  try {
    recorder.attach()
  } catch {
    return 0
  }
  return removeLeftovers(recorder, logger)
}

/** Gives slots to containers that run already. They are not complete: they started before the recorder. */
export async function adoptRunning(
  recorder: Recorder,
  containers: readonly Container[],
  only: ((container: Container) => boolean) | undefined
): Promise<void> {
  const slices = timeSlices()
  for (const container of containers) {
    await slices.pause()
    // A created container has not started: the kernel side sees it at its first instruction.
    if (container.status !== 'running' || container.mntns === undefined) continue
    if (isSandbox(container.labels) || only?.(container) === false) continue
    recorder.adopt(container.mntns, container.cgroupId ?? 1n, container.pid)
  }
}
