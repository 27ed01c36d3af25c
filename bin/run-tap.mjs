// Runs compiled test files, each in a process of its own, without tap's command line: that costs a second per file
// and puts loaders into every Node program that a test starts.
import { spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createTally } from './tap-tally.mjs'

const running = new Set()

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
    const preload = '--import=./build/test/helpers/end-when-idle.js'
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

const shortTime = (ms) => (ms < 10_000 ? `${ms}ms` : `${Math.round(ms / 1000)}s`)

/** Runs one file and returns its tally; `report` gets the events of tap-tally.mjs. */
async function runFile(path, { report, ...options }) {
  const tally = createTally(report)
  const started = Date.now()
  tally.line(`# Subtest: ${path}`)
  const code = await start(path, { ...options, onLine: (line) => tally.line(`    ${line}`) })
  const why = code === 0 || code === 1 ? '' : ` (ended with ${code})`
  const point = code === 0 ? 'ok 1' : 'not ok 1'
  tally.line(`${point} - ${path}${why} # time=${shortTime(Date.now() - started)}`)
  tally.end()
  return tally.total
}

/**
 * Runs files, `jobs` at a time, in their order; `onFile` gets each file's tally. What they write to stderr goes to
 * ours, unless `stderr` is 'ignore'. After `signal` aborted, no further file starts and nothing more is reported.
 */
export async function runFiles(paths, { jobs, onFile, report, signal, ...options }) {
  const left = [...paths]
  const isWanted = () => signal?.aborted !== true
  const reportWanted = (event) => {
    if (isWanted()) report(event)
  }
  const next = async () => {
    for (let path = left.shift(); path !== undefined && isWanted(); path = left.shift()) {
      const tally = await runFile(path, { ...options, report: reportWanted })
      if (isWanted()) onFile(path, tally)
    }
  }
  await Promise.all(Array.from({ length: jobs }, next))
}
