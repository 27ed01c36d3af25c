import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput } from '../lib/output-format.js'
import { parseRef } from '../lib/object-ref.js'
import { pathsOf, type VerbContext, withStore } from './context.js'
import { denialsOf } from './hub-of.js'

type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

/** Adds `diff A [B]`, as a verb of its own and below `profile`. */
export function addDiff(parent: Command, context: VerbContext): void {
  parent
    .command('diff <a> [b]')
    .description(
      'show what changes from A to B, with reason, approver and risk. A and B are files, RuntimeDefault, NAME, ' +
        'NAME@observed, @previous, @DIGEST or @image:IMAGE. Without B: compare approved with observed. ' +
        'Exit code 0: the same; 1: different; 2: an error'
    )
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(
      async (
        left: string,
        right: string | undefined,
        options: { namespace: string; output: string },
        command: Command
      ) => {
        const output = parseOutput(options.output, formats) as Format
        const { namespace } = options
        const { diffProfiles } = await import('../profiles/diff.js')
        await withStore(command, context, (store) =>
          diffProfiles(
            { io: context.io, store, namespace, revisions: pathsOf(command, context).revisions },
            { left, right, output, denialsOf: (ref) => denialsOf(ref, command, context) }
          )
        )
      }
    )
}

interface LintOptions {
  file?: string
  namespace: string
  output: string
  runtime?: string
  strict?: boolean
}

/** Adds `secco lint` and `secco diff`. */
export function addReviewVerbs(program: Command, context: VerbContext): void {
  addDiff(program, context)
  program
    .command('lint')
    .argument('[name]', 'a profile of the store, instead of -f')
    .description('report what is wrong, risky or surprising about a profile; exit 1 on errors')
    .option(
      '-f, --file <file>',
      "check an OCI profile, a config.json or SeccompProfiles, '-' for standard input"
    )
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .option('--runtime <name@version>', 'check for this runtime, for example runc@1.1.5')
    .option('--strict', 'exit 1 on warnings too')
    .action(async (name: string | undefined, options: LintOptions, command: Command) => {
      const output = parseOutput(options.output, formats) as Format
      const { runtimesOf } = await import('../profiles/render.js')
      const [runtime] = runtimesOf(options.runtime)
      const args = {
        output,
        strict: options.strict === true,
        ...(runtime === undefined ? {} : { runtime })
      }
      const { file } = options
      if ((file === undefined) === (name === undefined)) {
        throw new SeccoError('INVALID_ARGUMENT', 'lint takes a NAME, or a file with -f', {
          hint: 'secco lint -f profile.json, or secco lint shop/web'
        })
      }
      const { lintFile, lintStored } = await import('../profiles/lint.js')
      if (file !== undefined) context.finish(await lintFile(context.io, file, args))
      else {
        const ref = parseRef(name ?? '', options.namespace)
        await withStore(command, context, (store) => lintStored(context.io, store, ref, args))
      }
    })
}
