// Removes what ended test runs left, and prints a line for each thing. Usage: remove-leftovers.mjs FOLDER [RUN]: the
// folder of all runs, and the name of a run that is at its end, although its process is still there.
import { realpathSync } from 'node:fs'
import process from 'node:process'
import { removeLeftovers } from './leftovers.mjs'
import { endedRuns } from './test-run.mjs'

const [given, ownRun] = process.argv.slice(2)
// The kernel names mounts by real paths.
const base = realpathSync(given)

async function removeRun(run) {
  const whose = run.name === ownRun ? 'that a test left' : `of an interrupted run (pid ${run.pid})`
  for (const { what, problem, next } of await removeLeftovers(run)) {
    if (problem !== undefined)
      console.log(`cannot remove ${what} ${whose}: ${problem}\n      next: ${next}`)
    // The folder of this run is nobody's mistake.
    else if (run.name !== ownRun || what !== `folder ${run.folder}`)
      console.log(`removed  ${what} ${whose}`)
  }
}

const done = new Set()
// A run that was started by a test of an ended run ends with it.
for (let left = endedRuns(base, ownRun); left.length > 0; ) {
  for (const run of left) await removeRun(run)
  for (const { name } of left) done.add(name)
  left = endedRuns(base, ownRun).filter(({ name }) => !done.has(name))
}
