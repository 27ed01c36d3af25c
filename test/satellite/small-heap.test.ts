import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { nodeRuntime } from '../../image/node-runtime.js'
import { repositoryRoot } from '../helpers/repository.js'

/**
 * Size of the young generation in MB of a separate program, after many of its objects were alive for a while. V8 adds
 * pages for a moment when it puts a collection off: the least of many sizes is what it keeps.
 */
async function youngMb(before: string, node = process.execPath): Promise<number> {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { Worker } from 'node:worker_threads'
    import { keepHeapSmall } from '${join(repositoryRoot, 'build/satellite/small-heap.js')}'
    const young = () =>
      getHeapSpaceStatistics().find((one) => one.space_name === 'new_space').space_size / 2 ** 20
    ${before}
    const sizes = []
    for (let round = 0, alive = []; round < 200; round += 1) {
      alive = []
      for (let i = 0; i < 20_000; i += 1) alive.push({ round, i })
      if (round >= 100) sizes.push(young())
    }
    console.log(Math.min(...sizes))`
  // The test runner's preloaded modules start a thread too.
  const args = ['NODE_OPTIONS=', node, '--input-type=module', '--eval', program]
  const { stdout, stderr } = await promisify(execFile)('env', args)
  if (/unrecognized flag/.test(stderr)) throw new Error(stderr)
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

test('the Node of the image knows every flag and keeps the young generation as small', async (t) => {
  const young = await youngMb('keepHeapSmall(process)', nodeRuntime(repositoryRoot).node)
  t.ok(young > 0.5 && young <= 2.1, `${young} MB`)
})
