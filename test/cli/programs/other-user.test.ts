import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { test } from 'tap'
import { ownIdentity } from '../../../src/lib/process-identity.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { runSecco } from '../../helpers/secco-command.js'

/** Starts a command as nobody, who may do nothing. */
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

/** Returns why commands cannot be run as nobody here; false where they can. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'only root can run a command as another user'
  const [program, ...args] = [...nobody, 'test', '-r', join(repositoryRoot, 'bin/secco')]
  return spawnSync(program, args).status === 0 ? false : 'nobody cannot read this repository'
}
const skip = whyNot()

test('up in a folder that it cannot use says why, and how to choose another one', async (t) => {
  const folder = t.testdir({ file: '' })
  const file = join(folder, 'file')
  // [what, state folder, message]
  const table: [string, string, RegExp][] = [
    [
      'a file',
      file,
      /error: cannot use the state folder \S+\/file: a file is in its place \(EEXIST\) \(WRITE_FAILED\)/
    ],
    [
      'below a file',
      join(file, 'x'),
      /\/file\/x: a part of the path is a file \(ENOTDIR\) \(WRITE_FAILED\)/
    ]
  ]
  for (const [what, state, message] of table) {
    const { code, stderr } = await runSecco(['up', '--once', '--state', state])
    t.equal(code, 1, what)
    t.match(stderr, message, what)
    t.match(stderr, '  next: choose a folder that this user can write, with --state DIR\n', what)
  }
})

test('what another user may not do is said with the command for root', { skip }, async (t) => {
  const state = t.testdir({ 'ui-token': 'token\n' })
  const { pid } = process
  const written = { pid, identity: ownIdentity(), ui: 'http://127.0.0.1:1' }
  const addresses = join(state, 'addresses.json')
  writeFileSync(addresses, JSON.stringify(written))
  chmodSync(join(state, 'ui-token'), 0o600)
  const listing = ['ps', '--state', state]
  const asNobody = async (args: readonly string[]): Promise<string> => {
    const env = { HOME: '', XDG_STATE_HOME: '' }
    const { code, stderr } = await runSecco(args, { within: nobody, env })
    t.equal(code, 1, args.join(' '))
    return stderr
  }
  const foreign = `error: the state folder ${state} belongs to another user (FORBIDDEN)\n`
  const next = `  next: run it as the user who started Secco, or as root: \`sudo secco ps --state ${state}\`\n`
  t.equal(await asNobody(listing), foreign + next, 'a token that only its user can read')
  chmodSync(addresses, 0o600)
  t.equal(await asNobody(listing), foreign + next, 'addresses that only their user can read')
  t.match(
    await asNobody(['trace', 'web']),
    /"web": only root can see .*\(FORBIDDEN\)\n.*: `sudo secco trace web`/
  )
  t.match(
    await asNobody(['trace', '--', 'true']),
    /TRACING_UNAVAILABLE.*\n.*: `sudo secco trace -- true`/
  )
  t.match(
    await asNobody(['up', '--once', '--state', '/etc/secco-of-nobody']),
    /cannot use the state folder \/etc\/secco-of-nobody: this user may not write there \(EACCES\) \(WRITE_FAILED\)\n.*--state DIR/
  )
})
