import { userInfo } from 'node:os'
import { createInterface } from 'node:readline'
import { Command, CommanderError, Help, Option } from 'commander'
import { limits } from '../src/api/limits.js'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import { addVerbs } from './commands/verbs.js'
import { endWhenIdle } from './lib/end-when-idle.js'
import { reportFailure, withCommandForRoot } from './lib/failure.js'
import { withGivenOptions } from './lib/given-options.js'
import { forTerminal, type Io } from './lib/io.js'
import { readBytes } from './lib/read-input.js'
import { useNamespaceOfContext, type VerbContext } from './commands/context.js'

/**
 * Returns how to ask the person at the terminal; undefined without one. Only a yes is one: the end of the input is a no, and
 * Ctrl-C ends the program.
 */
function askOnTerminal(): Pick<Io, 'ask'> {
  const output = [process.stderr, process.stdout].find(({ isTTY }) => isTTY)
  if (!process.stdin.isTTY || output === undefined) return {}
  return {
    ask: (question) =>
      new Promise((resolve) => {
        // The terminal itself reads the line, so that its keys work as ever.
        const reader = createInterface({ input: process.stdin, output, terminal: false })
        reader.once('close', () => {
          resolve(false)
        })
        reader.question(forTerminal(question), (answer) => {
          resolve(/^\s*y(es)?\s*$/i.test(answer))
          reader.close()
        })
      })
  }
}

function processIo(): Io {
  const isTerminal = process.stdout.isTTY
  return {
    ...askOnTerminal(),
    stdout: (words) => process.stdout.write(isTerminal ? forTerminal(words) : words),
    stderr: (words) => process.stderr.write(forTerminal(words)),
    isTerminal,
    color: isTerminal && process.env['NO_COLOR'] === undefined,
    readFile: async (path) => Buffer.from(await readBytes(path, limits.manifestBytes)).toString(),
    env: process.env
  }
}

/**
 * Handles errors of the output. A reader that has ended (`| head`) is no error; any other one ends the program with
 * one line instead of a stack trace.
 */
function watchOutput(io: Io): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.exit(
      reportFailure(
        io,
        new SeccoError('WRITE_FAILED', `standard output: ${error.message}`, {
          cause: error,
          hint: 'check the free space where the output goes, and run it again'
        })
      )
    )
  })
  process.stderr.on('error', () => undefined)
}

/** Aborts on the first SIGINT or SIGTERM, with its name as reason; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    controller.abort(signal)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}

/** Names verbs without their arguments in the help of the program: of most verbs only the name is loaded. */
function termOf(this: Help, command: Command): string {
  const isVerb = command.parent !== null && command.parent.parent === null
  return isVerb ? command.name() : Help.prototype.subcommandTerm.call(this, command)
}

/**
 * Builds every verb with its help. The reference and the completion are made from it.
 * @param only the one verb that is used, so that the files of the others are not loaded
 */
export async function buildProgram(context: VerbContext, only?: string): Promise<Command> {
  const program = new Command('secco')
    .description('learn, review, deliver, apply and verify seccomp profiles for containers')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (words) => context.io.stdout(words),
      writeErr: (words) => context.io.stderr(words),
      // main() reports the error once, in Secco's own form.
      outputError: () => undefined
    })
    .configureHelp({ subcommandTerm: termOf })
    .exitOverride()
    .addOption(
      new Option('--state <dir>', 'use this state folder of the embedded installation').env(
        'SECCO_STATE'
      )
    )
    .addOption(
      new Option(
        '--kubeconfig <file>',
        'use this cluster instead of a state folder; `in-cluster` in a pod'
      ).env('SECCO_KUBECONFIG')
    )
    .option('--context <name>', 'use this context of the kubeconfig')
    .option('--as <user>', 'ask the API server of the cluster as this user')
    .hook('preAction', (_, command) => useNamespaceOfContext(command))
  await addVerbs(program, context, only)
  return program
}

/**
 * Returns the verb and the words that follow it, whatever options stand before it. The program itself cannot parse them
 * here: it would print its version and throw, or throw because an option lacks its value.
 */
function wordsOf(argv: readonly string[]): string[] {
  const scout = new Command()
  for (const option of ['--state', '--kubeconfig', '--context', '--as'])
    scout.option(`${option} [value]`)
  const { operands, unknown } = scout.parseOptions([...argv])
  return [...operands, ...unknown.filter((word) => !word.startsWith('-'))]
}

/** Returns the one verb that is used: `help` is of the verb that follows it, and the completion has them all. */
function verbOf(argv: readonly string[]): string | undefined {
  const [verb = '', further = ''] = wordsOf(argv)
  if (verb === 'completion') return undefined
  return verb === 'help' ? further : verb
}

/**
 * Returns the exit code of an error: 2 for verbs whose code 1 means that something differs, and for options that `learn` does
 * not have, where 1 means that no hub runs.
 */
function failureCodeOf(argv: readonly string[], error: unknown): number {
  const [verb, further] = wordsOf(argv)
  if (verb === 'learn') return error instanceof CommanderError ? 2 : 1
  return verb === 'diff' || verb === 'migrate' || (verb === 'profile' && further === 'diff') ? 2 : 1
}

/** Returns the name of the user. A container may run as a user that its /etc/passwd does not have. */
function userOf(env: Io['env']): string {
  try {
    return env['SUDO_USER'] ?? userInfo().username
  } catch {
    return env['USER'] ?? String(process.getuid?.() ?? '')
  }
}

/** Runs one verb and returns its exit code. Everything that is thrown becomes an error message. */
export async function run(argv: readonly string[], given: Io): Promise<number> {
  const io = withGivenOptions(given, argv)
  let exitCode = 0
  let program: Command | undefined
  try {
    const context: VerbContext = {
      io,
      streams: { stdout: process.stdout, stderr: process.stderr, isTerminal: io.isTerminal },
      argv,
      uid: process.getuid?.() ?? -1,
      user: userOf(io.env),
      now: () => new Date(),
      stopSignal,
      finish: (code) => {
        exitCode = code
      }
    }
    program = await buildProgram(context, verbOf(argv))
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    const shown = withCommandForRoot(error, argv, process.getuid?.() ?? 0)
    return failed(io, shown, failureCodeOf(argv, error), helpOf(program, argv))
  }
}

/** Returns the command that prints the help of the verb that is used. */
function helpOf(program: Command | undefined, argv: readonly string[]): string {
  const words = ['secco']
  let command = program
  for (const word of wordsOf(argv)) {
    command = command?.commands.find((one) => one.name() === word)
    if (command === undefined) break
    words.push(word)
  }
  return `${words.join(' ')} --help`
}

/** Returns the exit code for an error. commander ends `--help` and `--version` by an error too. */
function failed(io: Io, error: unknown, failureCode: number, help: string): number {
  if (!(error instanceof CommanderError)) return reportFailure(io, error, failureCode)
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return 1
  // commander puts its suggestion on a line of its own: that is the next step.
  const [what = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const hint = suggestion?.replace(/[()]/g, '') ?? `see \`${help}\` for what is accepted`
  return reportFailure(io, new SeccoError('INVALID_ARGUMENT', what, { hint }), failureCode)
}

/**
 * Runs the `secco` command. Exit codes: 0 done, 1 an error; for `diff` 0 the same, 1 different, 2 an error;
 * for `migrate` 0 nothing to do, 1 something to do, 2 an error; for `trace -- COMMAND` that of the command.
 * @param argv the arguments after the program's name
 */
export async function main(argv: readonly string[]): Promise<number> {
  const io = processIo()
  watchOutput(io)
  const code = await run(argv, io)
  endWhenIdle()
  return code
}
