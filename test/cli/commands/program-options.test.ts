import { Command } from 'commander'
import { test } from 'tap'
import { nodeOptions, satelliteOptions } from '../../../cli/commands/satellite-verb.js'
import { webhookArgs, webhookOptions } from '../../../cli/commands/webhook-verb.js'
import { createLogger } from '../../../src/lib/log.js'
import { captureIo } from '../../helpers/captured-io.js'
import { matchLists } from '../../helpers/match-lists.js'

const context = {
  ...{ io: captureIo().io, uid: 0, user: 'ann' },
  stopSignal: () => new AbortController().signal
}

const logger = createLogger('satellite')

/** Parses words as the real verb does, and returns what its program would be started with. */
function parsed<Args>(
  add: (command: Command) => Command,
  read: (command: Command) => Args,
  words: readonly string[]
): Args {
  const quietly = { writeErr: () => undefined }
  const command = add(new Command('verb')).exitOverride().configureOutput(quietly)
  command.option('--state <dir>').option('--kubeconfig <file>')
  return read(command.parse([...words], { from: 'user' }))
}

const webhook = (...words: string[]) =>
  parsed(webhookOptions, (command) => webhookArgs(command.opts(), command, context), words)
const satellite = (...words: string[]) =>
  parsed(
    satelliteOptions,
    (command) => nodeOptions(command.opts(), command, context, logger),
    words
  )

test('what secco webhook is started with: each option changes what it names', (t) => {
  const account = 'system:serviceaccount:secco-system:secco-satellite'
  const usual = {
    ...{ mode: 'enforce', allowIgnore: false, joinTainted: false, legacyAnnotations: true },
    ...{ clientCa: undefined, clientNames: [] },
    ...{ leaveAfter: 0, roles: 'admission,hub,ui', serverNames: [], user: 'ann' },
    ...{ listen: '127.0.0.1:9443', hubListen: '127.0.0.1:9444', uiListen: '127.0.0.1:9445' },
    trust: { account, audience: 'secco-hub' }
  }
  matchLists(t, webhook(), usual)
  const table: [words: string[], expected: object][] = [
    [['--allow-ignore', 'on'], { allowIgnore: true }],
    [['--allow-ignore', 'off'], { allowIgnore: false }],
    [['--mode', 'observe'], { mode: 'observe' }],
    [['--join-taint', 'on'], { joinTainted: true }],
    [['--legacy-annotations', 'off'], { legacyAnnotations: false }],
    [['--leave-after', '90s'], { leaveAfter: 90_000 }],
    [['--hub-audience', 'other'], { trust: { account, audience: 'other' } }],
    [['--satellite-account', 'ann'], { trust: { account: 'ann', audience: 'secco-hub' } }],
    [['--plain-containers', 'apart'], { trust: { plainContainers: 'apart' } }],
    [['--server-name', 'a', '--server-name', 'b'], { serverNames: ['a', 'b'] }],
    [['--client-ca', '/c'], { clientCa: '/c', clientNames: [] }],
    [
      ['--client-ca', '/c', '--client-name', 'a', '--client-name', 'b'],
      { clientCa: '/c', clientNames: ['a', 'b'] }
    ],
    [['--roles', 'hub'], { roles: 'hub' }],
    [['--replica', 'one'], { replica: 'one' }],
    [['--tls-secret', 'a/b'], { tlsSecret: 'a/b' }],
    [['--tls-dir', '/c'], { tlsDir: '/c' }],
    [['--listen', 'a:1'], { listen: 'a:1' }],
    [['--hub-listen', 'a:2'], { hubListen: 'a:2' }],
    [['--ui-listen', 'a:3'], { uiListen: 'a:3' }],
    [['--kubeconfig', '/k'], { kubeconfig: { files: '/k' } }]
  ]
  for (const [words, expected] of table) {
    matchLists(t, webhook(...words), { ...usual, ...expected }, words.join(' '))
  }
  for (const option of ['--allow-ignore', '--mode', '--join-taint', '--plain-containers']) {
    t.throws(() => webhook(option, 'maybe'), { code: 'INVALID_ARGUMENT' }, option)
  }
  t.throws(() => webhook('--client-name', 'a'), {
    ...{ code: 'INVALID_ARGUMENT', message: /--client-name: needs --client-ca/ }
  })
  t.throws(() => webhook('--leave-after', 'soon'), { code: 'INVALID_ARGUMENT' })
  t.end()
})

test('what secco satellite is started with: each option changes what it names', (t) => {
  const usual = {
    ...{ hub: '127.0.0.1:9444', floor: 'approved', record: 'always', pin: '/sys/fs/bpf/secco' },
    ...{ token: undefined, healthListen: undefined, seccompRoot: '/var/lib/kubelet/seccomp' },
    keepUnusedMs: 600_000
  }
  t.match(satellite(), usual)
  const table: [words: string[], expected: object][] = [
    [['--floor', 'runtime-default'], { floor: 'runtime-default' }],
    [['--floor', 'approved'], { floor: 'approved' }],
    [['--record', 'off'], { record: 'off' }],
    [['--pin', 'off'], { pin: undefined }],
    [['--pin', '/a'], { pin: '/a' }],
    [['--hub', 'a:1'], { hub: 'a:1' }],
    [['--node', 'n'], { node: 'n' }],
    [['--seccomp-root', '/s'], { seccompRoot: '/s' }],
    [['--runc-root', '/a', '--runc-root', '/b'], { runcRoots: ['/a', '/b'] }],
    [['--containerd-socket', '/c'], { containerdSocket: '/c' }],
    [['--containerd-socket', 'off'], { containerdSocket: undefined }],
    [['--token-file', '/t', '--hub-ca', '/c'], { token: { tokenFile: '/t', caFile: '/c' } }],
    [['--health-listen', '127.0.0.1:1'], { healthListen: { host: '127.0.0.1', port: 1 } }],
    [['--slots', '4096'], { slots: 4096 }],
    [['--keep-unused', '90s'], { keepUnusedMs: 90_000 }],
    [['--btf', '/b'], { btf: '/b' }]
  ]
  for (const [words, expected] of table) {
    matchLists(t, satellite(...words), { ...usual, ...expected }, words.join(' '))
  }
  const wrong: [words: string[], message: RegExp][] = [
    [['--floor', 'none'], /--floor none/],
    [['--keep-unused', 'never'], /--keep-unused never: not a duration/],
    [['--keep-unused', '10ms'], /--keep-unused 10ms: less than 1s/],
    [['--record', 'never'], /--record never/],
    [['--token-file', '/t'], /--hub-ca is missing: a token is sent only to a hub/],
    [['--hub-ca', '/c'], /--token-file is missing/],
    [['--pin', 'relative'], /an absolute path is needed/],
    [['--pin', 'off', '--clean'], /--pin off names no folder/],
    [['--health-listen', 'x'], /--health-listen/]
  ]
  for (const [words, message] of wrong) {
    t.throws(() => satellite(...words), { code: 'INVALID_ARGUMENT', message }, words.join(' '))
  }
  t.end()
})
