import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { run } from '../../../cli/main.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { captureIo } from '../../helpers/captured-io.js'
import { allowing } from '../../helpers/seccomp-profiles.js'

test('what is typed and cannot be meant is rejected, with what to type instead', async (t) => {
  const state = t.testdir({ 'pod.yaml': 'kind: Pod\n', 'web.json': '{}' })
  const pod = join(state, 'pod.yaml')
  const web = join(state, 'web.json')
  const long = 'a'.repeat(253)
  const reason = (word: string) =>
    new RegExp(`--reason ${word.replaceAll('.', '\\.')}: is no reason.*\\n {2}next: say why`)
  // [the arguments, exit code, what is printed on stderr]
  const table: [args: string[], code: number, says: RegExp][] = [
    [['migrate'], 2, /nothing to read: .*\(INVALID_ARGUMENT\)\n {2}next: secco .*migrate FILE\n/],
    [['migrate', pod], 0, /^$/],
    [['migrate', '-f', pod], 0, /^$/],
    [
      ['render', '-f', web, '--runtime', 'rnuc@1'],
      1,
      /--runtime rnuc@1: there is no data for rnuc .*\n {2}next: choose one of crun, runc;/
    ],
    [['lint', '-f', web, '--runtime', 'rnuc@1'], 1, /there is no data for rnuc/],
    [
      ['profile', 'extend', 'shop/web', '--add', 'nope'],
      1,
      /--add nope: there is no profile shop\/nope \(NOT_FOUND\)\n {2}next: secco .*get profiles -A/
    ],
    [['profile', 'call', 'shop/web', '--allow', 'bpf', '--reason', '…'], 1, reason('…')],
    [['profile', 'call', 'shop/web', '--allow', 'bpf', '--reason', '...'], 1, reason('...')],
    [['profile', 'approve', 'shop/web', '--reason', ' … '], 1, /is no reason/],
    [['promote', 'shop/web', 'audit', '--reason', '…'], 1, reason('…')],
    [['rollback', 'shop/web', '--reason', '…'], 1, reason('…')],
    [['block', 'getsid', '--reason', '…'], 1, reason('…')],
    [
      ['webhook', '--ui-listen', '0.0.0.0:1'],
      1,
      /--ui-listen 0\.0\.0\.0:1: is not a loopback address .*\n {2}next: the pages are served without TLS/
    ],
    [
      ['profile', 'show', `shop/${long}`],
      1,
      /name "a{40}…" has 253 characters, and a state folder takes at most 250.*\n {2}next: choose a name of at most 250 characters/
    ]
  ]
  const store = await openDirectoryStore(join(state, 'objects'))
  const metadata = { namespace: 'shop', name: 'web' }
  await store.apply('SeccompProfile', { ...allowing(['read']), metadata })
  await store.close()
  for (const [args, code, says] of table) {
    const { io, printed } = captureIo()
    t.equal(await run(['--state', state, ...args], io), code, args.join(' '))
    t.match(printed.stderr, says, args.join(' '))
  }
  t.notOk(readdirSync(state).includes('certs'), 'nothing was started')
})
