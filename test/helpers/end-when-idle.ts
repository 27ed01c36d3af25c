import process from 'node:process'
import { isMainThread } from 'node:worker_threads'

/**
 * Returns whether a file waits for something at its top level that never comes: Node has a listener for that while it loads
 * a program (lib/internal/modules/run_main.js), and this is its exit code.
 */
const isUnfinished = (): boolean =>
  process.listeners('exit').some(({ name }) => name === 'handleProcessExit')
const unsettled = 13

// Imported before each test file (.taprc), so that none of them hangs as cli/lib/end-when-idle.ts tells. What
// listens as well, tap itself, is heard first and may have work left: the second time there is none.
process.once('beforeExit', () => {
  setImmediate(() => undefined)
  process.once('beforeExit', () => {
    if (isUnfinished()) process.exit(unsettled)
    process.exit()
  })
})

/*
 * tap removes what t.testdir() made before it calls the functions of t.teardown(), if the folder was made first
 * (@tapjs/fixture and @tapjs/after each wrap the end of a test): a program that a teardown ends would still write there. A
 * teardown that is there from the beginning turns that order. The root test gets none: then tap would report nothing that
 * fails after a test has ended. Files that share a process start no programs. What a test forks, and its workers, import
 * this file as well: they are no tests, and tap would send messages to who forked them.
 */
const isTest = isMainThread && process.send === undefined
if (isTest && process.argv[1]?.endsWith('/run-in-turn.mjs') === false) {
  const { t } = await import('tap')
  const nothing = () => undefined
  t.beforeEach((each) => {
    each.teardown(nothing)
  })
}
