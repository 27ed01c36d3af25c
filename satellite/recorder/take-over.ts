import type { Recorder } from '../../native/types.js'
import type { Logger } from '../../src/lib/log.js'
import { isSandbox } from '../containers/labels.js'
import type { Container } from '../containers/runtime.js'
import { timeSlices } from '../lib/time-slices.js'

/**
 * What another release pinned here goes on in this recorder, which is attached already.
 * @returns containers that were missed. Of what could not be read: at least one each, as far as anybody knows.
 */
export function takeLeftovers(recorder: Recorder, logger: Logger): number {
  let missed = 0
  for (const { problem, ...taken } of recorder.leftovers()) {
    if (problem === '') {
      missed += taken.missed
      if (taken.missed > 0) logger.error(taken, 'not all that another release recorded found room')
      else logger.info(taken, 'took over what another release recorded')
      continue
    }
    missed += Math.max(1, taken.missed)
    logger.error({ ...taken, problem }, 'what another release recorded cannot be read')
  }
  return missed
}

/**
 * Attaches a recorder that is to be attached anyway, and takes over at once: what both count until then counts
 * twice. Why it cannot be attached is said by whoever attaches it next.
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
