// A bounded load for tests that must not depend on an idle machine: as many busy processes as there are cores.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import process from 'node:process'

/**
 * What one of them does: it computes for 50 ms at a time. It ends with its stdin, which the kernel closes when the
 * process that started it is killed.
 */
const program = `
process.stdin.on('end', () => process.exit()).on('error', () => process.exit()).resume()
function work() {
  const end = performance.now() + 50
  for (let n = 0; performance.now() < end; n += 1) Math.sqrt(n)
  setImmediate(work)
}
work()`

/**
 * Keeps every core busy until `end` of what it returns is called, or this process ends. `check` throws when one of the
 * processes has ended before.
 */
export function startLoad(processes = availableParallelism()) {
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'ignore', 'inherit'] })
  )
  let problem
  for (const child of children) {
    child.on('error', (error) => (problem = error.message))
    child.on('exit', (code, signal) => (problem ??= `it ended with ${signal ?? code}`))
  }
  return {
    pids: children.map(({ pid }) => pid),
    check() {
      if (problem !== undefined) throw new Error(`a process of the load is gone: ${problem}`)
    },
    end: () => children.forEach((one) => one.kill())
  }
}
