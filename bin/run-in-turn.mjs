// Runs compiled test files one after the other in this process: their paths come on descriptor 3, a line each (a test
// may read stdin). What was loaded for one file is there for the next, which is most of the time of a short one. A file
// has ended when its last line is the point `end of PATH` (shared-process.mjs reads it).
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { mock } from 'node:test'
import { pathToFileURL } from 'node:url'
import t from 'tap'

/** What a file wants done at its end: tap would do it at the end of the process, and end the process for it. */
let teardowns = []
t.teardown = (done) => {
  teardowns.push(done)
}

async function tearDown() {
  mock.reset()
  const all = teardowns.reverse()
  teardowns = []
  const failed = []
  for (const done of all) {
    try {
      await done()
    } catch (error) {
      failed.push(error)
    }
  }
  if (failed.length > 0) throw failed[0]
}

async function runFile(path) {
  try {
    await import(pathToFileURL(path).href)
  } catch (error) {
    t.fail(`the file cannot be loaded: ${String(error?.message ?? error)}`, { stack: error?.stack })
  }
  // A time limit that the file sets is its own, and not that of all files together.
  t.setTimeout(0)
  await t.test(`end of ${path}`, tearDown)
}

t.setTimeout(0)
for await (const path of createInterface({ input: new Socket({ fd: 3 }) })) await runFile(path)
