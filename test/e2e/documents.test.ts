import { spawn } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { allShellBlocks } from '../helpers/documents.js'
import { repositoryRoot } from '../helpers/repository.js'
import { spawnSecco } from '../helpers/secco-command.js'

t.setTimeout(600_000)
const probe = probeTracing()

/** Runs a block as it is written, except that root needs no sudo. */
function runBlock(text: string, folder: string, state: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const script = text.replaceAll(/\bsudo /g, '')
    const child = spawn(
      '/usr/bin/env',
      ['-u', 'NODE_OPTIONS', 'bash', '-e', '-o', 'pipefail', '-s'],
      {
        cwd: folder,
        env: { ...process.env, NO_COLOR: '1', SECCO_STATE: state },
        stdio: ['pipe', 'pipe', 'pipe'],
        timeout: 120_000
      }
    )
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve([code ?? -1, output]))
    // Without this a command that reads standard input would read the rest of the script.
    child.stdin.end(`{ ${script}\n} < /dev/null\n`)
  })
}

test('the commands of the guides, as they are written, on a running Secco', {
  skip: probe.available ? false : (probe.reason ?? 'nothing can be traced')
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-documents-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await symlink(join(repositoryRoot, 'bin'), join(folder, 'bin'))
  const state = join(folder, 'state')
  const any = ['--listen', '--hub-listen', '--ui-listen'].flatMap((one) => [one, '127.0.0.1:0'])
  const secco = spawnSecco(['--state', state, 'up', ...any, '-o', 'json'])
  const ended = new Promise((resolve) => secco.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    secco.stdout.once('data', () => resolve())
    secco.once('exit', (code) => reject(new Error(`secco up ended with ${String(code)}`)))
  })
  try {
    for (const { path, line, text } of allShellBlocks().filter(
      (one) => one.runner === 'embedded'
    )) {
      const [code, output] = await runBlock(text, folder, state)
      t.equal(code, 0, `${path}:${String(line)}: ${text}\n${code === 0 ? '' : output}`)
    }
  } finally {
    secco.kill('SIGINT')
    await ended
  }
})
