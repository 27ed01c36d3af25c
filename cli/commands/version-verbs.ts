import type { Command } from 'commander'
import { type CompletionNode, completionScript } from './completion.js'
import { parseOutput } from '../lib/output-format.js'
import type { VerbContext } from './context.js'

function nodeOf(command: Command): CompletionNode {
  return {
    name: command.name(),
    options: command.options.map((option) => option.long ?? option.flags),
    children: command.commands.map(nodeOf)
  }
}

/** Adds `secco version` and `secco completion`. */
export function addVersionVerbs(program: Command, context: VerbContext): void {
  program
    .command('version')
    .description('print the version, and whether containers can be traced on this machine')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (options: { output: string }) => {
      const output = parseOutput(options.output, ['table', 'json', 'yaml']) as
        | 'table'
        | 'json'
        | 'yaml'
      const { probeTracing } = await import('../../native/recorder.js')
      const { printVersion } = await import('../lib/version.js')
      context.finish(printVersion(context.io, output, probeTracing()))
    })
  program
    .command('completion')
    .argument('<shell>', 'bash, zsh or fish')
    .description('print a completion script for a shell')
    .action((shell: string) => {
      context.io.stdout(completionScript(shell, nodeOf(program)))
    })
}
