// Gives a failed file of the gate one more run, alone, after all others, and counts the files that needed it.
import { sourceOf } from './run-tap.mjs'

/** How many files of a run may pass only at their second try. */
export const maxUnstable = 2

/**
 * Runs files by `runAll`, then those that failed by `runAgain`; each gets `report` and `onFile` for runLanes. When more
 * than `maxUnstable` files failed, the run is red whatever they do next, and none runs again. `sink` gets what counts:
 * `report` and `onFile` once per file, `heldBack` each report of a first try that failed, and `onUnstable` the source of a file that
 * passed at its second try, with its first failure.
 */
export async function runWithSecondChance({ runAll, runAgain, sink }) {
  const held = new Map()
  await runAll({
    report(event, path) {
      if (event.kind === 'failed' && !held.has(path)) held.set(path, { events: [] })
      const file = held.get(path)
      if (file === undefined) return sink.report(event)
      sink.heldBack(event)
      file.events.push(event)
    },
    onFile(path, total) {
      const file = held.get(path)
      if (file === undefined) sink.onFile(path, total)
      else file.total = total
    }
  })
  if (held.size > maxUnstable) return failAll(held, sink)
  await runAgain([...held.keys()], {
    report: sink.report,
    onFile(path, total) {
      sink.onFile(path, total)
      if (total.failed === 0) sink.onUnstable(sourceOf(path), held.get(path).events[0])
    }
  })
}

function failAll(held, sink) {
  for (const [path, { events, total }] of held) {
    for (const event of events) sink.report({ ...event, details: ['see above'], comments: [] })
    sink.onFile(path, total)
  }
}
