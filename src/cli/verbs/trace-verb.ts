import type { Command } from 'commander'
import { SeccoError } from '../../errors.js'
import { parseDuration } from '../addresses.js'
import { parseOutput } from '../output.js'
import { runTrace } from '../trace.js'
import type { VerbContext } from './context.js'

interface TraceOptions {
  output: string
  wait?: boolean
  runtime?: string
  root?: string
  for?: string
}

/** `secco trace CONTAINER` and `secco trace -- COMMAND…`. */
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
      'table, json, yaml or profile (the enforce profile, ready for runc)',
      'table'
    )
    .option('--wait', 'wait for a container that does not exist yet, and see it from its start')
    .option('--runtime <name>', 'look in this runtime only: runc, containerd, docker, podman')
    .option('--root <dir>', "runc's --root")
    .option('--for <duration>', 'end after 30s, 5m, …')
    .action(async (words: string[], options: TraceOptions) => {
      const output = parseOutput(options.output, ['table', 'json', 'yaml', 'profile']) as
        | 'table'
        | 'json'
        | 'yaml'
        | 'profile'
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
      const forMs = options.for === undefined ? undefined : parseDuration(options.for, '--for')
      const code = await runTrace(
        command === undefined
          ? {
              container: words[0] ?? '',
              output,
              wait: options.wait === true,
              ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
              ...(options.root === undefined ? {} : { root: options.root }),
              ...(forMs === undefined ? {} : { forMs })
            }
          : { command, output },
        { ...context.io, stopSignal: context.stopSignal }
      )
      context.finish(code)
    })
}
