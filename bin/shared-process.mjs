// Processes that run one test file after the other (run-in-turn.mjs).
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'

const program = join(import.meta.dirname, 'run-in-turn.mjs')

/**
 * Starts a process for test files. `run` gives the path of the next one to it, hands the lines of its TAP to `onLine`,
 * and resolves with 0 (passed), 1 (failed), or how the process ended meanwhile; after that it runs nothing more (`isOver`).
 * `end` resolves with what failed after the last test of a file, when no file was left to blame for it.
 */
export function startShared({ env, preload, stderr = 'inherit', timeoutSeconds }) {
  const child = spawn(process.execPath, [preload, program], {
    stdio: ['ignore', 'pipe', stderr, 'pipe'],
    // Each test has this limit, and nothing that runs in this process for the sum of them.
    env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutSeconds) }
  })
  const [, , , paths] = child.stdio
  const shared = { child, isOver: false, run, end }
  const late = []
  let hasFailed = false
  let current
  const finish = (code) => {
    const file = current
    current = undefined
    clearTimeout(file?.limit)
    if (file !== undefined && code !== 0) hasFailed = true
    file?.done(code)
  }
  // 'close' comes after the last line of its stdout, which what the test started may hold open.
  const ended = new Promise((done) => {
    child.on('error', (error) => done(error.message))
    child.on('exit', (code, signal) => {
      shared.isOver = true
      const how = signal ?? (code === 0 ? 0 : `exit code ${code}`)
      child.on('close', () => done(how))
      setTimeout(() => done(how), 2000)
    })
  }).then((how) => {
    shared.isOver = true
    finish(how === 0 ? 'exit code 0' : how)
    return how
  })

  async function end() {
    paths.end()
    const how = await ended
    return late.length > 0 || how === 0 || hasFailed ? late : [`it ended with ${how}`]
  }
  paths.on('error', () => undefined)

  createInterface({ input: child.stdout }).on('line', (line) => {
    if (current === undefined) {
      if (line.startsWith('not ok ')) late.push(line)
      return
    }
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
