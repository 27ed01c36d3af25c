import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

test('every mutant is noticed, but for those with a reason', {
  timeout: 4 * 3_600_000
}, async (t) => {
  const program = join(repositoryRoot, 'build/test/mutants/main.js')
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', (line) => t.comment(line))
  const code = await new Promise((resolve) => child.on('exit', resolve))
  t.equal(code, 0)
})
