// Runs compiled test files without tap's command line, which costs a second per file and puts loaders into every Node
// program that a test starts: each in a process of its own, or those that may share one in as many as there are lanes.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { startShared } from './shared-process.mjs'
import { createTally } from './tap-tally.mjs'

const running = new Set()
const preload = '--import=./build/test/helpers/end-when-idle.js'

/** Returns the source of a compiled test file, which is the name that people know: `test/x.test.ts`. */
export const sourceOf = (compiled) =>
  compiled.replace(/^build\//, '').replace(/\.test\.js\b/, '.test.ts')

/** Passes a signal on to the test files that run. */
export function stopAll(signal) {
  for (const child of running) child.kill(signal)
}

/** Starts one file; resolves with its exit code, or the signal or error that ended it. */
function start(path, { timeoutSeconds, env, onLine, stderr = 'inherit' }) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [preload, path], {
      stdio: ['ignore', 'pipe', stderr],
      env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutSeconds) }
    })
    running.add(child)
    // tap itself ends a file at its time limit and reports what was open; this is for a process that no longer can.
    const limit = setTimeout(() => child.kill('SIGKILL'), (timeoutSeconds + 15) * 1000)
    const lines = createInterface({ input: child.stdout }).on('line', onLine)
    const read = new Promise((end) => lines.on('close', end))
    child.on('error', (error) => done(error.message))
    child.on('exit', async (code, signal) => {
      clearTimeout(limit)
      running.delete(child)
      // What the test started may hold its stdout open: nobody waits for that.
      await Promise.race([read, delay(2000, undefined, { ref: false })])
      child.stdout.destroy()
      done(code ?? signal)
    })
  })
}

/**
 * Returns `run(path, options)`, which runs a file in a process that others had before it, and `end`, which resolves with
 * what failed in them after the last test of a file. Files with another environment have other processes.
 */
function sharedProcesses() {
  const all = []
  async function run(path, { onLine, ...options }) {
    const key = JSON.stringify([options.env, options.timeoutSeconds])
    let one = all.find(({ isBusy, shared, key: its }) => its === key && !isBusy && !shared.isOver)
    if (one === undefined) {
      const shared = startShared({ ...options, preload })
      running.add(shared.child)
      shared.child.on('exit', () => running.delete(shared.child))
      one = { key, shared }
      all.push(one)
    }
    one.isBusy = true
    const code = await one.shared.run(path, onLine)
    one.isBusy = false
    return code
  }
  const end = async () => (await Promise.all(all.map(({ shared }) => shared.end()))).flat()
  return { run, end }
}

const shortTime = (ms) => (ms < 10_000 ? `${ms}ms` : `${Math.round(ms / 1000)}s`)

/** Runs one file and returns its tally; `report` gets the events of tap-tally.mjs and the file. */
async function runFile(path, { report, runIn, ...options }) {
  const tally = createTally((event) => report(event, path))
  const started = Date.now()
  tally.line(`# Subtest: ${path}`)
  const code = await runIn(path, { ...options, onLine: (line) => tally.line(`    ${line}`) })
  const why = code === 0 || code === 1 ? '' : ` (ended with ${code})`
  const point = code === 0 ? 'ok 1' : 'not ok 1'
  tally.endDetails()
  tally.line(`${point} - ${path}${why} # time=${shortTime(Date.now() - started)}`)
  tally.end()
  return tally.total
}

/** A queue of files that lanes share. It opens when every file of the queues `after` has ended. */
export const queueOf = (paths, after = []) => ({ left: [...paths], running: 0, after })

const isOver = ({ left, running }) => left.length === 0 && running === 0
const isOpen = ({ after }) => after.every(isOver)

/**
 * Runs files in lanes beside each other. A lane is a list of queues (queueOf) that lanes may share: it takes the next
 * file of its first open queue that has one, waits while only closed queues have files, and ends when none has.
 * `onStart` gets each file, `report` and `onFile` its events and its tally. Files for which `isShared` is true run one after the other in
 * processes that they share. What files write to stderr goes to ours, unless `stderr` is 'ignore'. After `signal`
 * aborted, no further file starts and nothing more is reported.
 * @returns what failed in shared processes after the last test of a file
 */
export async function runLanes(
  lanes,
  { onStart, onFile, report, signal, timeoutOf, envOf, isShared = () => false, ...options }
) {
  const processes = sharedProcesses()
  const isWanted = () => signal?.aborted !== true
  const reportWanted = (event, path) => {
    if (isWanted()) report(event, path)
  }
  const ends = new EventEmitter().setMaxListeners(0)
  async function runNext(queue) {
    const path = queue.left.shift()
    queue.running += 1
    try {
      const timeoutSeconds = timeoutOf?.(path) ?? options.timeoutSeconds
      const env = envOf?.(path) ?? options.env
      const runIn = isShared(path) ? processes.run : start
      const how = { env, timeoutSeconds, report: reportWanted, runIn }
      onStart?.(path)
      const tally = await runFile(path, { ...options, ...how })
      if (isWanted()) onFile(path, tally)
    } finally {
      queue.running -= 1
      ends.emit('end')
    }
  }
  async function run(queues) {
    while (isWanted()) {
      const filled = queues.filter(({ left }) => left.length > 0)
      if (filled.length === 0) return
      const open = filled.find(isOpen)
      await (open === undefined ? once(ends, 'end') : runNext(open))
    }
  }
  await Promise.all(lanes.map(run))
  return await processes.end()
}

/** Runs files, `jobs` at a time, in their order: see runLanes. */
export function runFiles(paths, { jobs, ...options }) {
  const queue = queueOf(paths)
  return runLanes(
    Array.from({ length: jobs }, () => [queue]),
    options
  )
}
