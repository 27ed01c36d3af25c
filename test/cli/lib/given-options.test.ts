import { join } from 'node:path'
import { test } from 'tap'
import { givenOptions, withGivenOptions } from '../../../cli/lib/given-options.js'
import { run } from '../../../cli/main.js'
import { captureIo } from '../../helpers/captured-io.js'

test('the options that say which installation is meant, as a shell takes them', (t) => {
  const table: [string[], string][] = [
    [['get', 'nodes'], ''],
    [['--state', '/tmp/a b', 'get', 'nodes'], "--state '/tmp/a b'"],
    [['get', 'nodes', '--state=/tmp/x', '-o', 'wide'], '--state /tmp/x'],
    [['ps', '--kubeconfig', 'k', '--context', 'c', '-n', 'shop'], '--kubeconfig k --context c'],
    [['trace', '--', 'app', '--state', '/tmp/x'], ''],
    [['ps', '--state'], '']
  ]
  for (const [argv, expected] of table) {
    const { secco, kubectl } = givenOptions(argv)
    t.equal(secco, expected, argv.join(' '))
    t.equal(kubectl, expected.replace(/^--state .*$/, ''), 'kubectl has no state')
  }
  t.end()
})

test('what the environment says counts as given, where no option does', (t) => {
  const home = { XDG_STATE_HOME: '/xdg' }
  const table: [string[], Record<string, string>, secco: string, kubectl: string][] = [
    [['ps'], { SECCO_STATE: '/tmp/a b' }, "--state '/tmp/a b'", ''],
    [['ps', '--state', '/tmp/x'], { SECCO_STATE: '/tmp/y' }, '--state /tmp/x', ''],
    [['ps'], { SECCO_KUBECONFIG: 'k' }, '--kubeconfig k', '--kubeconfig k'],
    [['ps'], { SECCO_KUBECONFIG: 'k', SECCO_STATE: '/tmp/y' }, '--kubeconfig k', '--kubeconfig k'],
    [['ps', '--context', 'c'], { SECCO_STATE: '/tmp/y' }, '--context c', '--context c'],
    [['ps'], {}, '', ''],
    // The folder that commands use by themselves.
    [['ps'], { SECCO_STATE: process.getuid?.() === 0 ? '/var/lib/secco' : '/xdg/secco' }, '', '']
  ]
  for (const [argv, env, secco, kubectl] of table) {
    const found = givenOptions(argv, { ...home, ...env })
    t.same([found.secco, found.kubectl], [secco, kubectl], JSON.stringify([argv, env]))
  }
  const { io, printed } = captureIo()
  withGivenOptions({ ...io, env: { SECCO_STATE: '/s' } }, ['ps']).stdout('Next: `secco ps`\n')
  t.equal(printed.stdout, 'Next: `secco --state /s ps`\n')
  t.end()
})

test('a printed command has the roots of the program that prints it', (t) => {
  const roots = ['--seccomp-root', '/k', '--runc-root', '/r 1', '--runc-root=/r2']
  const both = "--seccomp-root /k --runc-root '/r 1' --runc-root /r2"
  const table: [string[], string, string][] = [
    [['up', ...roots], 'next: secco up\n', `next: secco up ${both}\n`],
    [['up', ...roots], 'until the next `secco up`\n', `until the next \`secco up ${both}\`\n`],
    [
      ['up', ...roots],
      'next: secco doctor --node\n',
      'next: secco doctor --seccomp-root /k --node\n'
    ],
    [['up', ...roots], 'next: secco ps\n', 'next: secco ps\n'],
    [['up', ...roots], 'next: secco constructor\n', ''],
    [['up', ...roots, '--state', '/s'], 'next: secco to\n', 'next: secco --state /s to\n'],
    [
      ['up', ...roots, '--state', '/s'],
      'next: secco constructor\n',
      'next: secco --state /s constructor\n'
    ],
    [['satellite', ...roots], 'next: secco satellite\n', `next: secco satellite ${both}\n`],
    [['up', '--state', '/s', ...roots], 'next: secco up\n', `next: secco --state /s up ${both}\n`],
    [
      ['up', ...roots],
      'next: secco up --seccomp-root /other\n',
      "next: secco up --runc-root '/r 1' --runc-root /r2 --seccomp-root /other\n"
    ],
    [['up', ...roots], 'next: secco doctor --node --seccomp-root=/other\n', ''],
    [['up', ...roots], 'next: secco up --clean --state /s\n', ''],
    [['up', ...roots], 'on the node: secco doctor --node\n', '']
  ]
  for (const [argv, text, expected] of table) {
    const { io, printed } = captureIo()
    withGivenOptions({ ...io, env: {} }, argv).stderr(text)
    t.equal(printed.stderr, expected === '' ? text : expected)
  }
  for (const [argv, expected] of [
    [['--state', '/s', 'doctor'], 'next: run `secco --state /s doctor --node`: it says why\n'],
    [['--kubeconfig', 'k', 'doctor'], 'next: run `secco doctor --node`: it says why\n']
  ] as const) {
    const { io, printed } = captureIo()
    withGivenOptions({ ...io, env: {} }, argv).stderr(
      'next: run `secco doctor --node`: it says why\n'
    )
    t.equal(printed.stderr, expected, 'a cluster is no machine')
  }
  t.end()
})

test('a printed command has the options that were given', (t) => {
  const at = 'secco --state /s '
  const table: [string, string][] = [
    ['  next: secco doctor\n', `  next: ${at}doctor\n`],
    [
      'see `secco get nodes -o wide` and `secco ps`\n',
      `see \`${at}get nodes -o wide\` and \`${at}ps\`\n`
    ],
    ['next: secco block a; secco block b\n', `next: ${at}block a; ${at}block b\n`],
    ['  next: start it with `secco up --state /other`\n', ''],
    ['next: on the node: secco doctor --node\n', ''],
    ['next: run on its node: secco trace web --wait\n', ''],
    ['not cleaned: n1: run `secco satellite --clean` there\n', ''],
    [
      'next: see it with secco diff a/b, then secco profile approve a/b\n',
      `next: see it with ${at}diff a/b, then ${at}profile approve a/b\n`
    ],
    ['Secco is here, and secco.dev/learn\n', '']
  ]
  for (const [text, expected] of table) {
    const { io, printed } = captureIo()
    withGivenOptions(io, ['--state', '/s', 'ps']).stderr(text)
    t.equal(printed.stderr, expected === '' ? text : expected)
  }
  for (const [text, expected] of [
    [
      'next: secco install --image I | kubectl apply -f -\n',
      'next: secco --kubeconfig k install --image I | kubectl --kubeconfig k apply -f -\n'
    ],
    ['kubectl -n shop get pods\n', 'kubectl --kubeconfig k -n shop get pods\n'],
    [
      'next: kubectl -n secco-system scale deployment secco --replicas=2\n',
      'next: kubectl --kubeconfig k -n secco-system scale deployment secco --replicas=2\n'
    ],
    ['see what kubectl does\n', 'see what kubectl does\n'],
    ['  it gets it by `secco ps`\n', '  it gets it by `secco --kubeconfig k ps`\n'],
    [
      'next: ask for the role secco-viewer, for example kubectl create rolebinding v\n',
      'next: ask for the role secco-viewer, for example kubectl create rolebinding v\n'
    ]
  ] as const) {
    const { io, printed } = captureIo()
    withGivenOptions(io, ['ps', '--kubeconfig', 'k']).stdout(text)
    t.equal(printed.stdout, expected)
  }
  for (const output of [['-o', 'json'], ['-ojson'], ['--output=yaml']]) {
    const { io, printed } = captureIo()
    withGivenOptions(io, ['ps', '--state', '/s', ...output]).stdout('hint: secco ps\n')
    t.equal(printed.stdout, 'hint: secco ps\n', `${output.join(' ')}: data stays as it is`)
  }
  const { io, printed } = captureIo()
  const json = '{"hint": "secco doctor"}\n'
  withGivenOptions(io, ['--state', '/s', 'ps']).stdout(`Next: \`secco ps\`\n${json}`)
  t.equal(printed.stdout, `Next: \`${at}ps\`\n${json}`, 'data stays as it is')
  t.end()
})

test('the next command of an error works as printed', async (t) => {
  const state = join(t.testdir(), 'no such')
  const { io, printed } = captureIo()
  t.not(await run(['--state', state, 'profile', 'show', 'shop/absent'], io), 0)
  t.match(printed.stderr, /next: .*secco --state '.*no such' /)
})
