import { execFile } from 'node:child_process'
import process from 'node:process'
import { test } from 'tap'

const module = new URL('../../../cli/lib/end-when-idle.js', import.meta.url).href

test('everything is done first, and the exit code is what it was set to', (t) => {
  const script = `
    const { endWhenIdle } = await import(${JSON.stringify(module)})
    endWhenIdle()
    setTimeout(() => {
      process.stdout.write('x'.repeat(300_000) + '\\n')
      setImmediate(() => { process.exitCode = 3 })
    }, 50)
    process.on('exit', (code) => process.stdout.write('exit ' + code))
  `
  const args = ['--input-type=module', '-e', script]
  execFile(process.execPath, args, { maxBuffer: 1 << 20 }, (error, stdout) => {
    t.match(error, { code: 3 })
    t.match(stdout, /^x{300000}\nexit 3$/)
    t.end()
  })
})
