import { appendFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * A child process of the lock's tests. It takes the lock, writes a line to the log when it has it and another one before it
 * frees it, and sends a signal to itself:
 * - `kill N`, `stop N`: SIGKILL or SIGSTOP before its Nth call that changes the file system;
 * - `held N`: SIGKILL while it has the lock for the Nth time. Its calls are late by random times.
 * Arguments: lock, log, mode, N.
 */
const [, , path = '', log = '', mode = '', number = '0'] = process.argv
const last = Number(number)
let steps = 0

async function beforeCall(): Promise<void> {
  steps += 1
  if (mode === 'held') await delay(Math.random() ** 6 * 60)
  else if (steps === last) process.kill(process.pid, mode === 'stop' ? 'SIGSTOP' : 'SIGKILL')
}

for (const name of ['link', 'mkdir', 'rename', 'rm', 'rmdir', 'unlink', 'writeFile'] as const) {
  const original = promises[name] as (...given: unknown[]) => Promise<unknown>
  Reflect.set(promises, name, async (...given: unknown[]) => {
    await beforeCall()
    return original(...given)
  })
}
syncBuiltinESMExports()
const { withFileLock } = await import('../../../src/lib/file-lock.js')

for (let nth = 1; nth <= (mode === 'held' ? last : 1); nth += 1) {
  await withFileLock(path, 60_000, async () => {
    appendFileSync(log, `in ${process.pid}\n`)
    if (mode === 'held') await delay(Math.random() * 2)
    appendFileSync(log, `out ${process.pid}\n`)
    if (mode === 'held' && nth === last) process.kill(process.pid, 'SIGKILL')
  })
}
