import type { Command } from 'commander'
import { parseOutput, type Output } from '../lib/output-format.js'
import { reasonOf } from './change-verbs.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'
import { hubOf } from './hub-of.js'
import { withChanges } from './who-acts.js'

interface BlockOptions {
  remove?: boolean
  dryRun?: boolean
  force?: boolean
  yes?: boolean
  reason?: string
  output: string
}

/** Adds `secco block [WHAT]`. */
export function addBlockVerb(program: Command, context: VerbContext): void {
  program
    .command('block')
    .description(
      'block a syscall, or some of its arguments, in every profile at once; ' +
        'the profile secco-system/emergency holds the blocks'
    )
    .argument(
      '[what]',
      'a template, SYSCALL, SYSCALL+ (with all that do the same), SYSCALL:ARG=VALUE or SYSCALL:ARG&BITS; ' +
        'without it: templates and blocks'
    )
    .option('--remove', 'remove the block')
    .option('--dry-run', 'show what would change and change nothing')
    .option('--force', 'block even what every container needs to start')
    .option(
      '--yes',
      'do not ask: on a terminal a block is confirmed after it is known whom it hits'
    )
    .option('--reason <text>', 'record this reason with the decision', reasonOf)
    .option(
      '-o, --output <format>',
      'print the list as table, wide, json, yaml or name; with WHAT, what the block reaches as json or yaml',
      'table'
    )
    .action(async (what: string | undefined, options: BlockOptions, command: Command) => {
      const { blockCommand, listBlocks } = await import('../profiles/block.js')
      const { printBlockImpact, printBlockProgress } = await import('../profiles/block-impact.js')
      // Without a hub on this machine nothing of Secco runs here; in a cluster a hub has to answer.
      const kubeconfig = kubeconfigOf(command)
      const find = () =>
        kubeconfig === undefined
          ? hubOf(command, context).catch(() => undefined)
          : hubOf(command, context)
      const { io } = context
      const output = parseOutput(options.output) as Output
      if (what === undefined) {
        await withStore(command, context, (store) =>
          listBlocks(io, store, output, () => printBlockProgress(io, find, output === 'wide'))
        )
        return
      }
      await withChanges(command, context, (store, by) =>
        blockCommand(io, store, {
          what,
          remove: options.remove === true,
          dryRun: options.dryRun === true,
          force: options.force === true,
          reason: options.reason,
          by,
          at: context.now().toISOString(),
          output,
          ask: options.yes === true ? undefined : io.ask,
          impact: () =>
            printBlockImpact(io, find, {
              ...{ what, isDryRun: options.dryRun === true },
              isObject: output === 'json' || output === 'yaml',
              isWhole: output === 'wide'
            })
        })
      )
    })
}
