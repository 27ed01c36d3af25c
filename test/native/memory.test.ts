import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { repositoryRoot } from '../helpers/repository.js'

const megabyte = 1 << 20

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

/** Sees one large block freed, then holds twenty of a megabyte; says by how much malloc's heap has grown with them. */
const program = `
import { readFileSync } from 'node:fs'
import { loadAddon } from ${JSON.stringify(join(repositoryRoot, 'build/native/addon.js'))}
const heap = () => {
  const [from, to] = /^(\\w+)-(\\w+) .*\\[heap\\]$/m.exec(readFileSync('/proc/self/maps', 'utf8')).slice(1)
  return parseInt(to, 16) - parseInt(from, 16)
}
if (process.argv[1] === 'small' && !loadAddon().keepMallocSmall()) throw new Error('malloc does not take it')
const resident = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096
let large = Buffer.allocUnsafeSlow(${24 * megabyte}).fill(1)
const withLarge = resident()
large = undefined
// V8 frees buffers in a thread of its own, some time after the collection
for (let turn = 0; resident() > withLarge - ${12 * megabyte}; turn += 1) {
  if (turn > 2000) throw new Error('the large block was not freed: ' + resident() + ' of ' + withLarge)
  globalThis.gc()
  await new Promise((resolve) => setTimeout(resolve, 5))
}
const before = heap()
const held = Array.from({ length: 20 }, () => Buffer.allocUnsafeSlow(${megabyte}).fill(1))
console.log(heap() - before, held.length)
`

async function growth(how: 'small' | 'as it is'): Promise<number> {
  const args = ['--expose-gc', '--input-type=module', '-e', program, how]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  return Number(stdout.split(' ')[0])
}

test('large blocks leave no holes in the heap of malloc', async (t) => {
  t.ok((await growth('small')) < 4 * megabyte)
  t.ok((await growth('as it is')) > 16 * megabyte, 'by itself glibc puts them there')
})

test('a table of 4096 slots is no resident memory of its reader', { skip }, (t) => {
  const resident = (): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  // The first one brings in the libraries.
  openRecorder().stop()
  const before = resident()
  const recorder = openRecorder()
  recorder.attach()
  recorder.slots()
  recorder.seen()
  const grown = resident() - before
  recorder.stop()
  t.ok(grown < 12 * 1024, `${grown} KiB`)
  t.end()
})
