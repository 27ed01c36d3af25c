// Gives a failed file of the gate one more run, alone, after all others, and counts the files that needed it.
import { sourceOf } from './run-tap.mjs'

/** How many files of a run may pass only at their second try. */
export const maxUnstable = 2

/** A property test draws other values at its second try: what it found once is a fault. */
const isCounterexample = ({ details }) =>
  details.some((line) => /Property failed after|Counterexample:/.test(line))

/** A second try that skips what the first one ran proves nothing. */
const hasPassed = (second, first) => second.failed === 0 && second.skipped <= first.skipped

/**
 * Runs files by `runAll`, then those that failed by `runAgain`; each gets `report` and `onFile` for runLanes. `sink` gets
 * what counts: `report` and `onFile` once for each file, `heldBack` each event of a first try that failed, `onUnstable`
 * the source of a file that passed at its second try, with its first failure, and `onFailed` the other files that failed
 * at their first try and do not run again. That are all of them when more than `maxUnstable` failed, because the run is
 * red whatever they do, and those with a counterexample.
 */
export async function runWithSecondChance({ runAll, runAgain, sink }) {
  const held = new Map()
  await runAll({
    report(event, path) {
      if (event.kind === 'failed') {
        if (!held.has(path)) held.set(path, { failures: [] })
        held.get(path).failures.push(event)
      }
      if (held.has(path)) sink.heldBack(event)
      else sink.report(event)
    },
    onFile(path, total) {
      if (held.has(path)) held.get(path).total = total
      else sink.onFile(path, total)
    }
  })
  const isFinal = ([, { failures }]) =>
    held.size > maxUnstable || failures.some((failure) => isCounterexample(failure))
  for (const [path, { failures, total }] of [...held].filter(isFinal)) {
    sink.onFailed(failures)
    sink.onFile(path, total)
  }
  const again = [...held].filter((entry) => !isFinal(entry)).map(([path]) => path)
  await runAgain(again, {
    report: sink.report,
    onFile(path, second) {
      const { failures, total } = held.get(path)
      const passed = hasPassed(second, total)
      if (passed) sink.onUnstable(sourceOf(path), failures[0])
      else if (second.failed === 0) sink.onFailed(failures)
      sink.onFile(path, passed || second.failed > 0 ? second : total)
    }
  })
}
