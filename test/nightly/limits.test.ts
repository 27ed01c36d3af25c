import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

/** Benches that end with 1 when a limit is missed or a promise does not hold; the others only measure. */
const benches: readonly (readonly [name: string, ...args: string[]])[] = [
  ['recorder', '--rounds', '25'],
  ['completeness', '--rounds', '3'],
  ['short-lived'],
  ['soak', '--minutes', '30'],
  ['churn', '--minutes', '10'],
  ['many-objects', '--rounds', '1'],
  ['hostile-reviews'],
  ['attacked-creations'],
  ['denial-latency'],
  ['starts'],
  ['attacks'],
  ['upgrades'],
  ['audit'],
  ['renderings', '--minutes', '12']
]

for (const [name, ...args] of benches) {
  test(`bench ${name}: every limit is met`, { timeout: 3 * 3_600_000 }, async (t) => {
    const program = [join(repositoryRoot, 'build/test/bench/main.js'), name, ...args]
    const { code, stdout, stderr } = await new Promise<{
      code: number | string
      stdout: string
      stderr: string
    }>((resolve) => {
      execFile(process.execPath, program, { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? String(error.signal)), stdout, stderr })
      )
    })
    t.comment(stdout)
    t.equal(code, 0, `${stdout}\n${stderr.slice(-4000)}`)
  })
}
