// Compiles on every change and reports each compilation: what `npm run test:watch` and `npm run dev` share.
import { spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'

/**
 * Calls `onBuilt` after each compilation without errors, one call at a time, and `onChange` when a file changed and
 * the compiler starts. Prints the compiler's messages.
 */
export function watchBuild(onBuilt, onChange = () => undefined) {
  const args = ['-p', '.', '--watch', '--preserveWatchOutput']
  const tsc = spawn('node_modules/.bin/tsc', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = Promise.resolve()
  createInterface({ input: tsc.stdout }).on('line', (line) => {
    if (/Found 0 errors/.test(line)) last = last.then(onBuilt)
    else if (/File change detected/.test(line)) onChange()
    else if (line.trim() !== '' && !/Starting compilation/.test(line)) console.log(line)
  })
  tsc.on('exit', (code) => process.exit(code ?? 1))
  process.on('exit', () => tsc.kill())
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
}
