import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput } from '../lib/output-format.js'
import type { TraceFormat } from '../programs/trace.js'
import type { VerbContext } from './context.js'
import { btfMeaning } from './program-options.js'

interface TraceOptions {
  output: string
  wait?: boolean
  runtime?: string
  root?: string
  for?: string
  allow?: string
  btf?: string
}

/** Adds `secco trace CONTAINER` and `secco trace -- COMMAND…`. */
export function addTraceVerb(program: Command, context: VerbContext): void {
  program
    .command('trace')
    .usage('[options] CONTAINER | [options] -- COMMAND ARG…')
    .description(
      'count the syscalls of a container, or of a command from its first instruction to its end'
    )
    .argument('[words...]')
    .option(
      '-o, --output <format>',
      'print as table, json, yaml or profile (the enforce profile, ready for runc)',
      'table'
    )
    .option('--wait', 'wait for a container that does not exist yet, and trace it from its start')
    .option('--runtime <name>', 'look in this runtime only: runc, containerd, docker, podman')
    .option('--root <dir>', 'use this --root of runc')
    .option('--for <duration>', 'end after 30s, 5m, …')
    .option(
      '--allow <names>',
      'with -o profile: approve these syscalls that RuntimeDefault denies (comma-separated)'
    )
    .option('--btf <file>', btfMeaning)
    .action(async (words: string[], options: TraceOptions, self: Command) => {
      if (self.getOptionValueSourceWithGlobals('kubeconfig') === 'cli') {
        throw new SeccoError(
          'INVALID_ARGUMENT',
          'trace looks at this machine, not into a cluster',
          {
            hint: 'run it on the node of the container: secco ps -A -o wide shows which one that is'
          }
        )
      }
      const { runTrace, traceFormats } = await import('../programs/trace.js')
      const output = parseOutput(options.output, traceFormats) as TraceFormat
      const divider = context.argv.indexOf('--')
      const command = divider < 0 ? undefined : context.argv.slice(divider + 1)
      if (
        command === undefined
          ? words.length !== 1
          : command.length === 0 || words.length !== command.length
      ) {
        throw new SeccoError('INVALID_ARGUMENT', 'trace takes one container, or -- and a command', {
          hint: 'secco trace web, or secco trace -- ls -la /'
        })
      }
      const target = command === undefined ? { container: words[0] ?? '' } : { command }
      const { allow: names, ...others } = options
      const allow = names === undefined ? {} : { allow: names.split(',') }
      const code = await runTrace({ ...others, ...allow, ...target, output }, context.streams)
      context.finish(code)
    })
}
