import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { readBytes } from '../../../cli/lib/read-input.js'
import { runSecco } from '../../helpers/secco-command.js'

const textOf = async (path: string, most = 1000) =>
  Buffer.from(await readBytes(path, most)).toString()

test('a pipe is read to its end, and one that nobody writes to is reported', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-input-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const fifo = join(folder, 'fifo')
  t.equal(spawnSync('mkfifo', [fifo]).status, 0)
  await t.rejects(readBytes(fifo, 10), {
    code: 'NOT_FOUND',
    message: /no process writes to this pipe/
  })
  const read = textOf(fifo)
  const writer = await open(fifo, 'w')
  await writer.write('first, ')
  await writer.write('second')
  await writer.close()
  t.equal(await read, 'first, second')
  const long = readBytes(fifo, 10)
  const endless = await open(fifo, 'w')
  await endless.write('x'.repeat(100))
  await t.rejects(long, { code: 'TOO_LARGE' })
  await endless.close()
  await t.rejects(readBytes('/dev/zero', 5000), { code: 'TOO_LARGE' })
  const file = join(folder, 'file')
  await writeFile(file, 'a file')
  t.equal(await textOf(file), 'a file')
  await t.rejects(readBytes(join(folder, 'absent'), 10), { code: 'NOT_FOUND' })
})

test('every -f ends, whatever the file is', { timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-input-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const fifo = join(folder, 'fifo')
  spawnSync('mkfifo', [fifo])
  const state = ['--state', join(folder, 'state')]
  for (const verb of [['lint'], ['render'], ['check'], ['rule', 'apply'], ['profile', 'apply']]) {
    const outcomes = [fifo, '/dev/zero'].map((file) => runSecco([...verb, '-f', file, ...state]))
    const [ofFifo, ofZero] = await Promise.all(outcomes)
    t.match(
      ofFifo,
      { code: 1, stderr: /no process writes to this pipe \(NOT_FOUND\)/ },
      verb.join(' ')
    )
    t.match(ofZero, { code: 1, stderr: /\(TOO_LARGE\)/ }, verb.join(' '))
  }
})

test('a kubeconfig that cannot be read is not shown', { timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-input-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const fifo = join(folder, 'fifo')
  spawnSync('mkfifo', [fifo])
  const run = (file: string) => runSecco(['get', 'profiles', '--kubeconfig', file])
  const secret = 'token-of-somebody'
  const broken = [
    `users:\n- name: u\n  user: {token: ${secret} \u001b[31mred\n\tb: x\n`,
    `{"users":[{"name":"u","user":{"token":"${secret}\u001b[31m`,
    `users: [${'['.repeat(200)}${secret}`
  ]
  for (const [i, text] of broken.entries()) {
    const file = join(folder, `config-${i}`)
    await writeFile(file, text)
    const { code, stderr } = await run(file)
    t.equal(code, 1)
    t.match(stderr, /INVALID_DOCUMENT/)
    t.notMatch(stderr, new RegExp(`${secret}|\u001b`), `config-${i}`)
  }
  t.match(await run(fifo), { code: 1, stderr: /no process writes to this pipe/ })
  t.match(await run('/dev/zero'), { code: 1, stderr: /TOO_LARGE/ })
})
