import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { seccompStatusOf } from '../../../satellite/inspector/process-facts.js'

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
