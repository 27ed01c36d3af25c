// Processes that run one test file after the other (run-in-turn.mjs).
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'

const program = join(import.meta.dirname, 'run-in-turn.mjs')

/**
 * Starts a process for test files. `run` gives the path of the next one to it, hands the lines of its TAP to `onLine`,
 * and resolves with 0 (passed), 1 (failed), or how the process ended meanwhile; after that it runs nothing more (`isOver`).
 */
export function startShared({ env, preload, stderr = 'inherit', timeoutSeconds }) {
  const child = spawn(process.execPath, [preload, program], {
    stdio: ['ignore', 'pipe', stderr, 'pipe'],
    // Each test has this limit, and nothing that runs in this process for the sum of them.
    env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutSeconds) }
  })
  const [, , , paths] = child.stdio
  const shared = { child, isOver: false, run, end: () => paths.end() }
  let current
  const finish = (code) => {
    const file = current
    current = undefined
    clearTimeout(file?.limit)
    file?.done(code)
  }
  const onEnd = (how) => {
    if (shared.isOver) return
    shared.isOver = true
    finish(how)
  }
  child.on('error', (error) => onEnd(error.message))
  // 'close' comes after the last line of its stdout, which what the test started may hold open.
  child.on('exit', (code, signal) => {
    const end = () => onEnd(signal ?? `exit code ${code}`)
    child.on('close', end)
    setTimeout(end, 2000).unref()
  })
  paths.on('error', () => undefined)

  createInterface({ input: child.stdout }).on('line', (line) => {
    if (current === undefined) return
    const { path, onLine } = current
    if (line === `# Subtest: end of ${path}`) current.ending = []
    current.ending?.push(line)
    const isOver = current.ending !== undefined && /^(not )?ok \d+ - end of /.test(line)
    // The end of a file is no test of it, unless a teardown failed.
    const shown = current.ending === undefined ? [line] : []
    if (isOver && line.startsWith('not ok ')) shown.push(...current.ending)
    if (shown.some((one) => one.startsWith('not ok '))) current.code = 1
    for (const one of shown) onLine(one)
    if (isOver) finish(current.code)
  })

  function run(path, onLine) {
    return new Promise((done) => {
      const limit = setTimeout(() => child.kill('SIGKILL'), (timeoutSeconds + 15) * 1000)
      current = { path, onLine, done, limit, code: 0, ending: undefined }
      paths.write(`${path}\n`)
    })
  }
  return shared
}
