import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { seccompStatusOf, timeOfTicks } from '../../../satellite/inspector/process-facts.js'
import { startTicksOf } from '../../../satellite/lib/proc-text.js'

/** A tick, and the uptime's fraction of one. */
const toleranceMs = 30

test('the start time of a process, to the tick', async (t) => {
  // Twice, half a second apart: whole seconds would be wrong for one of them.
  for (const pauseMs of [0, 500]) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const before = Date.now()
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const after = Date.now()
    const began = Date.parse(timeOfTicks(startTicksOf(child.pid ?? 0) ?? 0))
    t.ok(began >= before - toleranceMs, `${before - began} ms early at most`)
    t.ok(began <= after + toleranceMs, `${began - after} ms late at most`)
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})

test('the seccomp mode is what the kernel reports', async (t) => {
  const own = seccompStatusOf(process.pid)
  const status = readFileSync('/proc/self/status', 'utf8')
  t.equal(own?.mode, Number(/^Seccomp:\s+(\d)/m.exec(status)?.[1]))
  t.equal(own?.filters, Number(/^Seccomp_filters:\s+(\d+)/m.exec(status)?.[1] ?? 0))
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const { pid = 0 } = child
  t.equal(seccompStatusOf(pid)?.mode, own?.mode, 'a child inherits it')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal(seccompStatusOf(pid), undefined, 'a process that is gone')
})
