import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput } from '../lib/output-format.js'
import { reasonOf } from './change-verbs.js'
import type { VerbContext } from './context.js'
import { hubOf } from './hub-of.js'

type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

/** Returns the key of `NAMESPACE/NAME`, or of NAME in the given namespace. */
export function keyOf(text: string, namespace: string): string {
  return text.includes('/') ? text : `${namespace}/${text}`
}

function percentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(/^(\d{1,3})%?$/.exec(text)?.[1])
  if (Number.isInteger(value) && value >= 1 && value <= 100) return value
  throw new SeccoError('INVALID_ARGUMENT', `--canary ${text}: not a share of the pods`, {
    hint: 'write 1% to 100%, for example --canary 25%'
  })
}

interface PromoteOptions {
  namespace: string
  canary?: string
  quietFor?: string
  reason?: string
  dryRun?: boolean
  force?: boolean
  output: string
}

/** @throws SeccoError INVALID_ARGUMENT */
function mustHaveReason(reason = ''): void {
  if (reasonOf(reason).trim() !== '') return
  throw new SeccoError('INVALID_ARGUMENT', '--reason: is required', {
    hint: 'add --reason WHY, which the history keeps; a dry run needs none: see `secco promote --help`'
  })
}

const rollbackHelp =
  'move a workload back: out of its canary, else to the mode before its last promotion, else to the revision before'

/** Adds `promote` and `rollback`. */
export function addLadder(program: Command, context: VerbContext): void {
  program
    .command('promote')
    .description(
      'set the next mode (audit or enforce) for all new pods of a workload, or for a share of them'
    )
    .argument('<profile>', 'the profile that the workload is learned into: NAME or NAMESPACE/NAME')
    .argument('<mode>', 'audit or enforce')
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option(
      '--canary <percent>',
      'start with this share of the new pods that a label, a rule or learning gives the profile; ' +
        'the canary goes back by itself when denials rise'
    )
    .option(
      '--quiet-for <time>',
      'end the canary after this time without denials and restarts (default 10m)'
    )
    .option('--reason <text>', 'record this reason in the history; required, except with --dry-run')
    .option(
      '--dry-run',
      'show the evidence, what gives the profile to pods and what would change, and change nothing'
    )
    .option(
      '--force',
      'accept a less strict mode (from enforce to audit), or enforce although no start was recorded or a recorded one is denied'
    )
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (name: string, mode: string, options: PromoteOptions, command: Command) => {
      const { promoteWorkload } = await import('../confinement/ladder.js')
      if (options.dryRun !== true) mustHaveReason(options.reason)
      context.finish(
        await promoteWorkload(
          context.io,
          await hubOf(command, context),
          {
            profile: keyOf(name, options.namespace),
            mode: parseOutput(mode, ['audit', 'enforce'], 'MODE') as 'audit' | 'enforce',
            canary: percentOf(options.canary),
            quietFor: options.quietFor,
            reason: options.reason ?? '',
            dryRun: options.dryRun === true,
            force: options.force === true
          },
          parseOutput(options.output, formats) as Format
        )
      )
    })
  program
    .command('rollback')
    .description(rollbackHelp)
    .argument('<profile>', 'the profile that the workload is learned into: NAME or NAMESPACE/NAME')
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .requiredOption('--reason <text>', 'record this reason in the history', reasonOf)
    .option(
      '--force',
      'enforce an earlier revision although no start was recorded or a recorded one is denied'
    )
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(
      async (
        name: string,
        options: { namespace: string; reason: string; force?: boolean; output: string },
        command: Command
      ) => {
        const { rollbackWorkload } = await import('../confinement/ladder.js')
        context.finish(
          await rollbackWorkload(
            context.io,
            await hubOf(command, context),
            {
              ...{ profile: keyOf(name, options.namespace), reason: options.reason },
              ...(options.force === true ? { force: true } : {})
            },
            parseOutput(options.output, formats) as Format
          )
        )
      }
    )
}
