import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { t, test } from 'tap'
import type { Io } from '../../../cli/lib/io.js'
import { run } from '../../../cli/main.js'
import { version } from '../../../src/lib/version.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { type Outcome, runSecco } from '../../helpers/secco-command.js'
import { seccoProgram } from '../../helpers/secco-program.js'

t.setTimeout(300_000)

const trace = /^\s+at .+[:(]|CommanderError|ERR_SYSTEM_ERROR|^Node\.js v/m
/** No installation is there, and no verb comes so far as to look for one. */
const state = '/nonexistent/secco-surface'

/** One invocation in this process, by the same code as the command. */
async function inProcess(args: readonly string[]): Promise<Outcome> {
  let [stdout, stderr] = ['', '']
  const io: Io = {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    isTerminal: false,
    color: false,
    readFile: (path) => Promise.reject(new Error(`${path} was read`)),
    env: {}
  }
  const code = await run(args, io)
  return { code, stdout, stderr }
}

/** Every verb and sub-verb of the real program, as words. */
async function verbs(): Promise<string[][]> {
  const program = await seccoProgram()
  const below = (command: Command, path: string[]): string[][] =>
    command.commands.flatMap((each) => {
      const own = [...path, each.name()]
      return [own, ...below(each, own)]
    })
  return below(program, [])
}

/** The exit code that says "error" for a verb: 1 has another meaning for these. */
const errorCode = (verb: readonly string[]) =>
  ['diff', 'learn', 'migrate', 'profile diff'].includes(verb.join(' ')) ? 2 : 1

type Expected = 'help' | 'version' | 'error'
/** Where the words of a verb stand among options: [what, arguments, expected]. */
const arrangements: [string, (verb: readonly string[]) => string[], Expected][] = [
  ['--help', (verb) => [...verb, '--help'], 'help'],
  ['-h', (verb) => [...verb, '-h'], 'help'],
  ['help after --state', (verb) => ['--state', state, ...verb, '--help'], 'help'],
  ['help after --state=', (verb) => [`--state=${state}`, ...verb, '-h'], 'help'],
  ['help before --kubeconfig', (verb) => [...verb, '-h', '--kubeconfig', state], 'help'],
  ['--version', (verb) => [...verb, '--version'], 'version'],
  ['-V', (verb) => [...verb, '-V'], 'version'],
  ['--version first', (verb) => ['--version', ...verb], 'version'],
  ['-V and --help', (verb) => ['-V', ...verb, '--help'], 'version'],
  ['--help and --version', (verb) => [...verb, '--help', '--version'], 'version'],
  ['--version after --state', (verb) => ['--state', state, ...verb, '--version'], 'version'],
  ['--version between', (verb) => ['--state', state, '--version', ...verb], 'version'],
  [
    '--version after both',
    (verb) => ['--kubeconfig', state, ...verb, '--state', state, '-V'],
    'version'
  ],
  ['--version, then no value', (verb) => [...verb, '--version', '--state'], 'version'],
  ['unknown option', (verb) => [...verb, '--no-such-option'], 'error'],
  ['unknown letter', (verb) => [...verb, '-Z'], 'error'],
  ['unknown option first', (verb) => ['--no-such-option', ...verb], 'error'],
  ['unknown after --state', (verb) => ['--state', state, ...verb, '--no-such-option'], 'error'],
  ['--state without a value', (verb) => [...verb, '--state'], 'error'],
  ['--kubeconfig without a value', (verb) => ['--state', state, ...verb, '--kubeconfig'], 'error']
]

/** What is wrong with an outcome; undefined when it is as expected. */
function wrong(outcome: Outcome, expected: Expected, verb: readonly string[]): string | undefined {
  const { code, stdout, stderr } = outcome
  if (trace.test(`${stdout}\n${stderr}`)) return `a stack trace: ${stderr.slice(0, 200)}`
  const [known, is] = {
    help: [0, stdout.startsWith(`Usage: secco ${verb.join(' ')}`.trimEnd()) && stderr === ''],
    version: [0, stdout === `${version}\n` && stderr === ''],
    error: [errorCode(verb), /^error: .+ \([A-Z_]+\)\n {2}next: .+\n$/.test(stderr)]
  }[expected] as [number, boolean]
  if (code === known && is) return undefined
  return `expected ${expected} and exit code ${known}, got ${code}: ${JSON.stringify({ stdout: stdout.slice(0, 80), stderr })}`
}

test('every verb answers every option, wherever it stands', async (t) => {
  const all = (await verbs()).filter((verb) => verb.at(-1) !== 'help')
  t.ok(all.length > 40, `${all.length} verbs`)
  for (const words of ['ps', 'satellite', 'profile diff', 'denials allow'])
    t.ok(
      all.some((verb) => verb.join(' ') === words),
      `${words} is among them`
    )
  for (const [what, argumentsOf, expected] of arrangements) {
    const found: string[] = []
    for (const verb of [[], ...all]) {
      const args = argumentsOf(verb)
      const problem = wrong(await inProcess(args), expected, verb)
      if (problem !== undefined) found.push(`secco ${args.join(' ')}: ${problem}`)
    }
    t.same(found, [], what)
  }
})

test('what is no option of Secco', async (t) => {
  // [what, arguments, exit code, output]
  const table: [string, string[], number, RegExp][] = [
    ['nothing at all', [], 1, /^Usage: secco/],
    ['only a state folder', ['--state', state], 1, /^Usage: secco/],
    ['a group of verbs', ['profile'], 1, /^Usage: secco profile/],
    ['help for all', ['help'], 0, /^Usage: secco \[/],
    ['help for one', ['help', 'ps'], 0, /^Usage: secco ps/],
    ['help for nothing', ['help', 'no-such-verb'], 1, /^Usage: secco \[/],
    ['an unknown verb', ['no-such-verb', '--state', state], 1, /unknown command 'no-such-verb'/],
    ['an unknown sub-verb', ['profile', 'no-such-verb'], 1, /unknown command 'no-such-verb'/],
    ['a verb in the place of a value', ['--state', 'diff'], 1, /^Usage: secco/],
    ['only dashes', ['--'], 1, /^Usage: secco/],
    ['an empty word', [''], 1, /unknown command ''/]
  ]
  for (const [what, args, code, output] of table) {
    const outcome = await inProcess(args)
    const text = outcome.stdout + outcome.stderr
    t.equal(outcome.code, code, `${what}: ${text.slice(0, 100)}`)
    t.match(text, output, what)
    t.notMatch(text, trace, what)
  }
})

test('the command itself, as a process', async (t) => {
  const table: [string[], number][] = [
    [['--version'], 0],
    [['-V'], 0],
    [['ps', '--version'], 0],
    [['--state', state, '--version'], 0],
    [['satellite', '-V'], 0],
    [['diff', '--state'], 2],
    [['--state'], 1]
  ]
  for (const [args, code] of table) {
    const outcome = await runSecco(args)
    t.equal(outcome.code, code, `secco ${args.join(' ')}`)
    t.notMatch(outcome.stderr, trace)
    if (code === 0) t.same([outcome.stdout, outcome.stderr], [`${version}\n`, ''])
    else t.match(outcome.stderr, /^error: .* argument missing \(INVALID_ARGUMENT\)\n/)
  }
  const promote = await runSecco(['promote', 'web', 'audit'])
  t.match(promote.stderr, /^error: .*--reason.*\n {2}next: .*: see `secco promote --help`/)
  const approve = await runSecco(['profile', 'approve'])
  t.match(approve.stderr, /^error: .*\n {2}next: see `secco profile approve --help` for what/)
  // The option of a command that is run is no option of Secco.
  const other = await runSecco(['trace', '--', '--version'])
  t.match(other.stderr, /cannot run '--version'|\(TRACING_UNAVAILABLE\)/)
})

test('by a user that /etc/passwd does not have', {
  skip: process.getuid?.() === 0 ? false : 'only root can become another user'
}, async (t) => {
  for (const name of ['secco', 'kubectl-secco']) {
    const outcome = await new Promise<Outcome>((resolve) => {
      const command = [process.execPath, join(repositoryRoot, 'bin', name), '--version']
      const options = { env: { PATH: process.env['PATH'] }, uid: 54_321, gid: 54_321 }
      // As in spawnSecco: without the loader of the test runner.
      const args = ['-u', 'NODE_OPTIONS', ...command]
      execFile('/usr/bin/env', args, options, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr })
      )
    })
    t.same(outcome, { code: 0, stdout: `${version}\n`, stderr: '' }, name)
  }
})
