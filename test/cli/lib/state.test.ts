import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureUiToken, statePaths } from '../../../cli/lib/state.js'

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
