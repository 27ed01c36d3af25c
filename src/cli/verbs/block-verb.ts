import type { Command } from 'commander'
import { parseOutput, type Output } from '../output.js'
import { toSeccoError } from '../../errors.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'
import { hubsOf } from './hubs-of.js'

interface BlockOptions {
  remove?: boolean
  dryRun?: boolean
  force?: boolean
  reason?: string
  output: string
}

/** `secco block [WHAT]`. */
export function addBlockVerb(program: Command, context: VerbContext): void {
  program
    .command('block')
    .description('take a syscall, or some of its arguments, out of every profile at once')
    .argument(
      '[what]',
      'a template, SYSCALL, SYSCALL:ARG=VALUE or SYSCALL:ARG&BITS; without it: the templates'
    )
    .option('--remove', 'give it back')
    .option('--dry-run', 'show what would change and change nothing')
    .option('--force', 'even what every container needs to start')
    .option('--reason <text>', 'why, kept with the decision')
    .option('-o, --output <format>', 'of the list: table, wide, json, yaml or name', 'table')
    .action(async (what: string | undefined, options: BlockOptions, command: Command) => {
      const { blockCommand, listBlocks } = await import('../block.js')
      await withStore(command, context, (store) =>
        what === undefined
          ? listBlocks(context.io, store, parseOutput(options.output) as Output)
          : blockCommand(context.io, store, {
              what,
              remove: options.remove === true,
              dryRun: options.dryRun === true,
              force: options.force === true,
              reason: options.reason,
              by: context.user,
              at: context.now().toISOString()
            })
      )
      if (what === undefined || options.remove === true) return
      // Who uses it only running hubs know: what their nodes told of what runs.
      try {
        const { printBlockImpact } = await import('../radius.js')
        await printBlockImpact(context.io, await hubsOf(command, context), what)
      } catch (thrown) {
        const { code, message, hint } = toSeccoError(thrown)
        // On a machine without a hub nothing runs under our profiles.
        if (code === 'UNAVAILABLE' && kubeconfigOf(command) === undefined) return
        context.io.stderr(`warning: who uses it is not known: ${message}; next: ${hint}\n`)
      }
    })
}
