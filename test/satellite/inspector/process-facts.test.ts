import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { until } from '../../helpers/until.js'
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

  // The shell becomes a program that never asks for its child.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'])
  t.teardown(() => parent.kill('SIGKILL'))
  const [text] = (await once(parent.stdout, 'data')) as [Buffer]
  const zombie = Number(text.toString())
  t.equal(seccompStatusOf(zombie)?.mode, own?.mode)
  await until(
    'the zombie',
    () => /^State:\s+Z/m.test(readFileSync(`/proc/${zombie}/status`, 'utf8')) || undefined
  )
  t.equal(
    seccompStatusOf(zombie),
    undefined,
    'a process that has ended, although nobody has asked how'
  )
})
