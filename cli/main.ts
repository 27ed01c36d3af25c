import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { Command, CommanderError, Option } from 'commander'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import { addProgramVerbs } from './commands/program-verbs.js'
import { endWhenIdle } from './lib/end-when-idle.js'
import { reportFailure } from './lib/failure.js'
import type { Io } from './lib/io.js'
import type { VerbContext } from './commands/context.js'

function processIo(): Io {
  const isTerminal = process.stdout.isTTY
  return {
    stdout: (words) => process.stdout.write(words),
    stderr: (words) => process.stderr.write(words),
    isTerminal,
    color: isTerminal && process.env['NO_COLOR'] === undefined,
    readFile: async (path) => {
      try {
        return path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')
      } catch (cause) {
        throw new SeccoError('NOT_FOUND', `${path}: ${(cause as Error).message}`, {
          cause,
          hint: 'check the path given with -f'
        })
      }
    },
    env: process.env
  }
}

/**
 * A reader that went away (`| head`) has what it wanted; what cannot be written otherwise ends the
 * program with one line instead of a stack trace.
 */
function watchOutput(io: Io): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.exit(
      reportFailure(
        io,
        new SeccoError('WRITE_FAILED', `standard output: ${error.message}`, {
          cause: error,
          hint: 'check the space where the output goes, and run it again'
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

/** Every verb, with its help. The reference and the completion are made from it. */
export async function buildProgram(context: VerbContext): Promise<Command> {
  const program = new Command('secco')
    .description('Learns, reviews, delivers, applies and verifies seccomp profiles for containers')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (words) => context.io.stdout(words),
      writeErr: (words) => context.io.stderr(words),
      // Said once, in our own form, by main().
      outputError: () => undefined
    })
    .exitOverride()
    .addOption(
      new Option('--state <dir>', 'state folder of the embedded installation').env('SECCO_STATE')
    )
    .addOption(
      new Option('--kubeconfig <file>', "work on a cluster's objects; `in-cluster` in a pod").env(
        'SECCO_KUBECONFIG'
      )
    )
  addProgramVerbs(program, context)
  // An agent runs for months: it does not carry what the other verbs need.
  // The verb, not any word: a container may be called so, too.
  if (program.parseOptions([...context.argv]).operands[0] !== 'satellite') {
    const { addFurtherVerbs } = await import('./commands/further-verbs.js')
    addFurtherVerbs(program, context)
  }
  return program
}

async function run(argv: readonly string[]): Promise<number> {
  const io = processIo()
  watchOutput(io)
  let exitCode = 0
  const context: VerbContext = {
    io,
    streams: { stdout: process.stdout, stderr: process.stderr, isTerminal: io.isTerminal },
    argv,
    uid: process.getuid?.() ?? -1,
    user: io.env['SUDO_USER'] ?? userInfo().username,
    now: () => new Date(),
    stopSignal,
    finish: (code) => {
      exitCode = code
    }
  }
  let failureCode = 1
  const program = await buildProgram(context)
  // --state may stand before the verb.
  const verb = program.parseOptions([...argv]).operands
  if (
    ['diff', 'migrate'].includes(verb[0] ?? '') ||
    (verb[0] === 'profile' && verb[1] === 'diff')
  ) {
    failureCode = 2
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(io, error, failureCode)
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return 1
    // commander puts its suggestion on a line of its own: that is the next step.
    const [what = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
    const hint = suggestion === undefined ? {} : { hint: suggestion.replace(/[()]/g, '') }
    return reportFailure(io, new SeccoError('INVALID_ARGUMENT', what, hint), failureCode)
  }
}

/**
 * The `secco` command. Exit codes: 0 done, 1 an error; for `diff` 0 the same, 1 they differ, 2 an error;
 * for `migrate` 0 nothing to do, 1 something is, 2 an error; for `trace -- COMMAND` the command's own.
 * @param argv what follows the program's name
 */
export async function main(argv: readonly string[]): Promise<number> {
  const code = await run(argv)
  endWhenIdle()
  return code
}
