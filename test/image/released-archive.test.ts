import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { nodeRuntime } from '../../image/node-runtime.js'
import { releaseArchive } from '../../image/release.js'
import { probeTracing } from '../../native/recorder.js'
import { version } from '../../src/lib/version.js'
import { repositoryRoot } from '../helpers/repository.js'
import { removeUpPins } from '../helpers/up-recorder.js'

const run = promisify(execFile)
const tracing = probeTracing()

test('the released archive, unpacked on a machine without Node, runs all of Secco and records', {
  skip: tracing.available ? false : (tracing.reason ?? 'nothing can be traced')
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-released-'))
  const state = join(folder, 'state')
  t.teardown(async () => {
    removeUpPins(state)
    await rm(folder, { recursive: true, force: true })
  })
  // How small the file is is no part of this.
  const made = { root: repositoryRoot, runtime: nodeRuntime(repositoryRoot), level: 1 }
  const { name, archive } = await releaseArchive(made)
  await writeFile(join(folder, 'archive.tar.gz'), archive)
  await run('tar', ['-xzf', join(folder, 'archive.tar.gz'), '-C', folder])
  const command = join(folder, name, 'bin/secco')
  /** What a login shell of a small machine has: no Node among it. */
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder }
  const secco = async (...args: string[]) => (await run(command, args, { env })).stdout
  t.equal(await secco('--version'), `${version}\n`)

  const free = ['--listen', '--hub-listen', '--ui-listen'].flatMap((port) => [port, '127.0.0.1:0'])
  const up = spawn(command, ['up', '-o', 'json', '--state', state, ...free], { env })
  t.teardown(() => up.kill('SIGKILL'))
  let stderr = ''
  up.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [line] = (await once(up.stdout, 'data')) as [Buffer]
  t.match(JSON.parse(line.toString()), { webhook: /^https:/, ui: /^http/ })
  const nodes = JSON.parse(await secco('get', 'nodes', '-o', 'json', '--state', state)) as object
  t.match(nodes, { items: [{ connected: true, hook: /tp/ }] }, 'its BPF programs are attached')
  up.kill('SIGTERM')
  const [code] = (await once(up, 'close')) as [number]
  t.equal(code, 0, stderr)
})
