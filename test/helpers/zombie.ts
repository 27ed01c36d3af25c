import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { until } from './until.js'

/** Starts a process that never collects its child, and returns the pid of the child when it has ended: a zombie. */
export async function zombieOf(t: Test): Promise<number> {
  // The program that replaces the shell knows nothing of its child, which ends after that.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  t.teardown(() => parent.kill('SIGKILL'))
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const pid = Number(line)
  const stateOf = () => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')
  await until('a zombie', () => (stateOf().startsWith('Z') ? true : undefined))
  return pid
}
