import type { Command } from 'commander'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { checkRef } from '../../src/store/directory-layout.js'
import type { LearnArgs } from '../profiles/learn-state.js'
import { parseOutput } from '../lib/output-format.js'
import { parseRef } from '../lib/object-ref.js'
import { type VerbContext, withStore } from './context.js'
import { hubOf } from './hub-of.js'

interface LearnOptions {
  namespace: string
  output: string
  untilConfident?: boolean
  failOnNew?: string
  require?: string
  quiet: string
  timeout: string
}

const formats = ['table', 'json', 'yaml'] as const

/** Reads the baseline. @throws SeccoError that names the option */
async function readBaseline({ io }: VerbContext, path: string): Promise<string> {
  try {
    return await io.readFile(path)
  } catch (cause) {
    const { code, message } = toSeccoError(cause)
    if (code !== 'NOT_FOUND') throw cause
    const hint = 'check the path given with --fail-on-new'
    throw new SeccoError(code, message, { hint, cause })
  }
}

/** The exit code of wrong words: a gate tells them from a hub that does not run. */
const wrongWords = 2

/** Runs what reads the words of the command line. @throws SeccoError with the exit code of wrong words */
async function asWords<Read>(read: () => Promise<Read>): Promise<Read> {
  try {
    return await read()
  } catch (cause) {
    const { code, message, hint, field } = toSeccoError(cause)
    const of = field === undefined ? {} : { field }
    throw new SeccoError(code, message, { hint, cause, exitCode: wrongWords, ...of })
  }
}

/** Reads the words of `secco learn`. @throws SeccoError INVALID_ARGUMENT, INVALID_NAME, INVALID_DOCUMENT, NOT_FOUND */
async function learnArgs(
  words: readonly string[],
  options: LearnOptions,
  context: VerbContext
): Promise<LearnArgs> {
  const { baselineOwner, parseBaseline, parseRequired } = await import(
    '../profiles/learn-baseline.js'
  )
  const { parseDuration } = await import('../lib/duration.js')
  const divider = context.argv.indexOf('--')
  const test = divider < 0 ? [] : context.argv.slice(divider + 1)
  const [workload] = words
  if (workload === undefined || words.length !== test.length + 1) {
    throw new SeccoError('INVALID_ARGUMENT', 'learn takes one workload, then -- and a command', {
      hint: 'secco learn shop/checkout.app --until-confident -- npm test'
    })
  }
  const ref = parseRef(workload, options.namespace)
  checkRef(ref)
  const { failOnNew: path } = options
  const text = path === undefined ? undefined : await readBaseline(context, path)
  return {
    ref,
    command: test,
    untilConfident: options.untilConfident === true,
    require: parseRequired(options.require),
    isRequired: options.require !== undefined,
    quietMs: parseDuration(options.quiet, '--quiet'),
    timeoutMs: parseDuration(options.timeout, '--timeout'),
    baseline:
      path === undefined || text === undefined
        ? undefined
        : { path, set: parseBaseline(text, path), owner: baselineOwner(text) },
    output: parseOutput(options.output, formats) as (typeof formats)[number]
  }
}

/** Returns what the gate uses of the program. */
const seenBy = (command: Command, context: VerbContext) => ({
  io: context.io,
  hub: () => hubOf(command, context),
  now: () => context.now().getTime(),
  signal: context.stopSignal()
})

/** Adds `secco learn WORKLOAD -- COMMAND`. */
export function addLearnVerb(program: Command, context: VerbContext): void {
  program
    .command('learn')
    .usage('[options] WORKLOAD [-- COMMAND ARG…]')
    .description(
      "run a workload's tests until the evidence is complete, and fail on syscalls that are not in a baseline"
    )
    .argument('<words...>')
    .option('-n, --namespace <namespace>', 'namespace of a WORKLOAD without one', 'default')
    .option(
      '--until-confident',
      'run the command again until the evidence is complete; exit 3 when it is not in time'
    )
    .option(
      '--fail-on-new <baseline.json>',
      'exit 4 when a syscall was observed that this file does not name, and 5 when the workload was not recorded completely'
    )
    .option(
      '--require <items>',
      'require these items of evidence, comma-separated (`secco profile show NAME -o json` has their names)'
    )
    .option('--quiet <duration>', 'require that nothing new is observed for this long', '10s')
    .option('--timeout <duration>', 'start no run after this time', '10m')
    .option('-o, --output <format>', 'print as table, json (usable as a baseline) or yaml', 'table')
    .addHelpText(
      'after',
      `
Examples:
  # Write the baseline of a release
  secco learn shop/checkout.app --until-confident -o json -- npm test > baseline.json
  # Compare with it in the pipeline of the next release
  secco learn shop/checkout.app --fail-on-new baseline.json -- npm test`
    )
    .action(async (words: string[], options: LearnOptions, command: Command) => {
      const { runLearn } = await import('../profiles/learn.js')
      const args = await asWords(() => learnArgs(words, options, context))
      await withStore(command, context, (store) =>
        runLearn(args, { ...seenBy(command, context), store })
      )
    })
}
