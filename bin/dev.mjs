// `npm run dev [-- ARG…]`: compiles on every change and restarts `secco up` with these arguments.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { watchBuild } from './watch-build.mjs'

process.chdir(join(import.meta.dirname, '..'))
let running

async function restart() {
  if (running !== undefined && running.exitCode === null && running.signalCode === null) {
    const ended = once(running, 'exit')
    running.kill('SIGTERM')
    await ended
  }
  console.log('starting secco up')
  running = spawn(process.execPath, ['bin/secco', 'up', ...process.argv.slice(2)], {
    stdio: 'inherit'
  })
}

// As Ctrl-C: the recorder ends too. A restart keeps it.
process.on('exit', () => running?.kill('SIGINT'))
watchBuild(restart)
