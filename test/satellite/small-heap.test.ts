import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

/** Size of the young generation in MB of a separate program, after many of its objects were alive for a while. */
async function youngMb(before: string): Promise<number> {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { Worker } from 'node:worker_threads'
    import { keepHeapSmall } from '${join(repositoryRoot, 'build/satellite/small-heap.js')}'
    ${before}
    for (let round = 0, alive = []; round < 200; round += 1) {
      alive = []
      for (let i = 0; i < 20_000; i += 1) alive.push({ round, i })
    }
    const young = getHeapSpaceStatistics().find((one) => one.space_name === 'new_space')
    console.log(young.space_size / 2 ** 20)`
  // The test runner's preloaded modules start a thread too.
  const args = ['NODE_OPTIONS=', process.execPath, '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)('env', args)
  return Number(stdout)
}

const thread = `await new Promise((resolve) => new Worker('', { eval: true }).on('exit', resolve))`

test('the young generation does not grow, whatever threads there were', async (t) => {
  const table: [string, string][] = [
    ['from the start', 'keepHeapSmall(process)'],
    ['a thread later', `keepHeapSmall(process)\n${thread}`],
    ['twice', `keepHeapSmall(process)\n${thread}\n${thread}`]
  ]
  for (const [name, before] of table) {
    const young = await youngMb(before)
    t.ok(young > 0.5 && young <= 2.1, `${name}: ${young} MB`)
  }
  const grown = await youngMb('')
  t.ok(grown > 4, `left to V8: ${grown} MB`)
})
