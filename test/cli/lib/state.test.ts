import { readFileSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { ownIdentity } from '../../../src/lib/process-identity.js'
import { ensureRunnable, ensureUiToken, readAddresses, statePaths } from '../../../cli/lib/state.js'
import { zombieOf } from '../../helpers/zombie.js'

/** Field 22 of /proc/<pid>/stat. */
const startOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')[19] ?? ''

test('the state folder: where it is', (t) => {
  const env = { HOME: '/home/ann' }
  const table: [
    env: Record<string, string>,
    given: string | undefined,
    uid: number,
    root: string
  ][] = [
    [env, undefined, 0, '/var/lib/secco'],
    [env, undefined, 1000, '/home/ann/.local/state/secco'],
    [{ ...env, XDG_STATE_HOME: '/x' }, undefined, 1000, '/x/secco'],
    [{ ...env, SECCO_STATE: '/s' }, undefined, 0, '/s'],
    [{ ...env, SECCO_STATE: '/s' }, '/given', 1000, '/given']
  ]
  for (const [given, option, uid, root] of table)
    t.equal(
      statePaths({ env: given }, option, uid).root,
      root,
      JSON.stringify([given, option, uid])
    )
  t.end()
})

test('the state folder: the option that names it in a command', (t) => {
  const env = { HOME: '/home/ann' }
  const table: [
    env: Record<string, string>,
    given: string | undefined,
    uid: number,
    option: string
  ][] = [
    [env, undefined, 0, ''],
    [env, '/var/lib/secco/', 0, ''],
    [env, undefined, 1000, ''],
    [env, '/srv/secco', 0, '--state /srv/secco'],
    [env, "/srv/ann's", 0, "--state '/srv/ann'\\''s'"],
    // Whoever pastes the command may have another environment.
    [{ ...env, SECCO_STATE: '/s' }, undefined, 0, '--state /s']
  ]
  for (const [given, folder, uid, option] of table)
    t.equal(statePaths({ env: given }, folder, uid).option, option, String(folder))
  t.end()
})

test('the token of the pages belongs to its user alone, and stays', async (t) => {
  const paths = statePaths({ env: {} }, t.testdir(), 0)
  const token = await ensureUiToken(paths)
  t.match(token, /^[\w-]{43}$/)
  t.equal(await ensureUiToken(paths), token)
  t.equal((await stat(join(paths.root, 'ui-token'))).mode & 0o777, 0o600)
})

test('a Secco runs on a folder while its process does: a zombie and a later process of its pid are none', async (t) => {
  const zombie = await zombieOf(t)
  const own = { ...ownIdentity(), pid: process.ppid }
  const parent = { ...own, start: startOf(process.ppid) }
  // [what, what the last program wrote, whether it runs]
  const table: [string, object, boolean][] = [
    ['a process that runs, as an earlier version wrote it', { pid: process.ppid }, true],
    ['a process that runs', { pid: process.ppid, identity: parent }, true],
    ['a zombie, as an earlier version wrote it', { pid: zombie }, false],
    ['a zombie', { pid: zombie, identity: { ...own, pid: zombie, start: startOf(zombie) } }, false],
    ['a later process of the pid', { pid: process.ppid, identity: { ...own, start: '1' } }, false],
    ['of another boot', { pid: process.ppid, identity: { ...parent, boot: 'other' } }, false],
    [
      'of a pid namespace that is not known',
      { pid: process.ppid, identity: { ...parent, space: 'x' } },
      true
    ]
  ]
  for (const [what, written, isRunning] of table) {
    const paths = statePaths({ env: {} }, t.testdir(), 0)
    await writeFile(paths.addresses, JSON.stringify({ ui: 'http://127.0.0.1:1', ...written }))
    if (isRunning) {
      await t.rejects(ensureRunnable(paths), { code: 'CONFLICT' }, what)
      t.match(await readAddresses(paths), written, what)
    } else {
      await t.resolves(ensureRunnable(paths), what)
      await t.rejects(readAddresses(paths), { code: 'UNAVAILABLE', message: /has ended/ }, what)
    }
  }
})
