// Runs the test files of a run beside each other, as the table of test-tiers.mjs allows it.
import { availableParallelism } from 'node:os'
import { queueOf, runLanes } from './run-tap.mjs'
import { howOf, isShared, longestFirst } from './test-tiers.mjs'

/**
 * Runs files so that every core is busy to the end. Files that record go one after the other, and beside them those
 * that neither record nor wait. Once nothing records, files that wait most of the time run beside what is left of
 * those, more of them than there are cores. What measures time comes last, after `beforeAlone`, with nothing beside it.
 * `perCore` files run for each core; the other options are those of runLanes.
 * @returns what failed in shared processes after the last test of a file
 */
export async function runBeside(files, { perCore, beforeAlone, ...options }) {
  const filesThat = (how) => files.filter((path) => howOf(path) === how).sort(longestFirst)
  const recording = queueOf(filesThat('recording'))
  const waiting = queueOf(filesThat('waiting'), [recording])
  const alone = filesThat('alone')
  const others = queueOf(
    files
      .filter((path) => ![recording, waiting].some(({ left }) => left.includes(path)))
      .filter((path) => !alone.includes(path))
      .sort(longestFirst)
  )
  const busy = Array.from({ length: perCore * availableParallelism() }, () => [others, waiting])
  const lanes = [[recording, waiting, others], ...busy, [waiting]]
  const late = await runLanes(lanes, { isShared, ...options })
  await beforeAlone()
  await runAlone(alone, options)
  return late
}

/** Runs files one after the other, each in a process of its own. */
export const runAlone = (files, options) => runLanes([[queueOf(files)]], options)
