import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput, type Output } from '../lib/output-format.js'
import type { VerbContext } from './context.js'
import { hubsOf } from './hubs-of.js'

type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const
const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]

/** `NAMESPACE/NAME`, or NAME in the given namespace. */
function keyOf(text: string, namespace: string): string {
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

interface DenialOptions {
  namespace?: string
  workload?: string
  follow?: boolean
  since?: string
  muted?: boolean
  expected?: boolean
  output: string
}

function addDenials(program: Command, context: VerbContext): void {
  const denials = program
    .command('denials')
    .description('refused calls: who asked what, where, and what to do about it')
    .option('-n, --namespace <namespace>', 'only this namespace')
    .option('--workload <kind/name>', 'only this workload')
    .option('-f, --follow', 'print each as it comes, until Ctrl-C')
    .option('--since <time>', 'only from then on: 10m, 2h, or RFC 3339')
    .option('--muted', 'muted ones too')
    .option('--expected', 'also what is refused on purpose')
    .option('-o, --output <format>', 'table, wide, json, yaml or name', 'table')
    .action(async (options: DenialOptions, command: Command) => {
      const { listDenials } = await import('../confinement/denials.js')
      context.finish(
        await listDenials(context.io, await hubsOf(command, context), {
          output: parseOutput(options.output) as Output,
          namespace: options.namespace,
          workload: options.workload,
          since: options.since,
          muted: options.muted === true,
          expected: options.expected === true,
          follow: options.follow === true ? context.stopSignal() : undefined,
          now: () => context.now().getTime()
        })
      )
    })
  denials
    .command('allow')
    .description('let a refused call through: shows the difference; --yes makes the new revision')
    .argument('<profile>', 'the profile of the workload')
    .argument('<syscall>', 'SYSCALL or SYSCALL:ARG=VALUE')
    .option('--namespace-of <namespace>', 'namespace of a PROFILE without one', 'default')
    .option('--reason <text>', 'why, kept with the approval')
    .option('--yes', 'change the profile')
    .action(
      async (
        profile: string,
        syscall: string,
        options: { namespaceOf: string; reason?: string; yes?: boolean },
        command: Command
      ) => {
        const { allowCall } = await import('../confinement/denials.js')
        const { output } = command.optsWithGlobals<{ output: string }>()
        context.finish(
          await allowCall(
            context.io,
            await hubsOf(command, context),
            {
              profile: keyOf(profile, options.namespaceOf),
              syscall,
              reason: options.reason,
              yes: options.yes === true
            },
            parseOutput(output, ['table', 'json']) as 'table' | 'json'
          )
        )
      }
    )
  denials
    .command('mute')
    .description('a refused call that is to alarm nobody: it is counted still')
    .argument('<profile>', 'the profile of the workload')
    .argument('<syscall>', 'its name')
    .option('--namespace-of <namespace>', 'namespace of a PROFILE without one', 'default')
    .option('--comm <name>', 'only of this process name')
    .requiredOption('--reason <text>', 'why, kept in the history')
    .option('--remove', 'hear of it again')
    .action(
      async (
        profile: string,
        syscall: string,
        options: { namespaceOf: string; comm?: string; reason: string; remove?: boolean },
        command: Command
      ) => {
        const { muteCall } = await import('../confinement/denials.js')
        context.finish(
          await muteCall(context.io, await hubsOf(command, context), {
            profile: keyOf(profile, options.namespaceOf),
            ...{ syscall, reason: options.reason, remove: options.remove === true },
            ...(options.comm === undefined ? {} : { comm: options.comm })
          })
        )
      }
    )
}

function addExplain(program: Command, context: VerbContext): void {
  for (const [verb, description] of [
    [
      'explain',
      'why a container or pod has what it has: rule, revision, nodes, the webhook’s answer'
    ],
    ['why-eperm', 'which call seccomp refused, who asked, under which profile, and what to do']
  ] as const) {
    program
      .command(verb)
      .description(description)
      .argument('<name>', 'a container, its id, a pod, or NAMESPACE/POD')
      .option('-n, --namespace <namespace>', 'only in this namespace')
      .option('-o, --output <format>', 'table, json or yaml', 'table')
      .action(
        async (name: string, options: { namespace?: string; output: string }, command: Command) => {
          const { explainContainer, whyEperm } = await import('../confinement/explain.js')
          const run = verb === 'explain' ? explainContainer : whyEperm
          context.finish(
            await run(context.io, await hubsOf(command, context), name, {
              namespace: options.namespace,
              output: parseOutput(options.output, formats) as Format
            })
          )
        }
      )
  }
}

interface SimulateOptions {
  deny?: string[]
  selector?: string
  namespace?: string
  output: string
}

function addSimulate(program: Command, context: VerbContext): void {
  program
    .command('simulate')
    .description('which running containers would have been refused what, from the calls they made')
    .argument('[profile]', 'NAMESPACE/NAME, or with @DIGEST; on the containers learned into it')
    .option('--deny <call>', 'SYSCALL, SYSCALL:ARG=VALUE or a template; repeatable', collect)
    .option('-l, --selector <selector>', 'on containers with these labels instead')
    .option('-n, --namespace <namespace>', 'on containers of this namespace')
    .option('-o, --output <format>', 'table, wide, json or yaml', 'table')
    .action(async (profile: string | undefined, options: SimulateOptions, command: Command) => {
      if (profile === undefined && options.deny === undefined) {
        throw new SeccoError('INVALID_ARGUMENT', 'simulate takes a PROFILE, or --deny SYSCALL', {
          hint: 'secco simulate shop/web, or secco simulate --deny socket:domain=AF_ALG'
        })
      }
      const { simulateCommand } = await import('../confinement/radius.js')
      const output = parseOutput(options.output, ['table', 'wide', 'json', 'yaml'])
      context.finish(
        await simulateCommand(context.io, await hubsOf(command, context), {
          profile:
            profile === undefined ? undefined : keyOf(profile, options.namespace ?? 'default'),
          deny: options.deny ?? [],
          selector: options.selector,
          namespace: options.namespace,
          output: output as Format | 'wide'
        })
      )
    })
}

interface PromoteOptions {
  namespace: string
  canary?: string
  quietFor?: string
  reason: string
  dryRun?: boolean
  force?: boolean
  output: string
}

function addLadder(program: Command, context: VerbContext): void {
  program
    .command('promote')
    .description('one rung up: audit or enforce, for all new pods of a workload or for a share')
    .argument('<workload>', 'its profile: NAME or NAMESPACE/NAME')
    .argument('<mode>', 'audit or enforce')
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', 'default')
    .option(
      '--canary <percent>',
      'a share of the new pods; it goes back by itself when denials rise'
    )
    .option('--quiet-for <time>', 'after so long without trouble the rest follows (default 10m)')
    .requiredOption('--reason <text>', 'why, kept in the history')
    .option('--dry-run', 'show the evidence and change nothing')
    .option('--force', 'also down a rung, from enforce to audit')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(async (name: string, mode: string, options: PromoteOptions, command: Command) => {
      const { promoteWorkload } = await import('../confinement/ladder.js')
      context.finish(
        await promoteWorkload(
          context.io,
          await hubsOf(command, context),
          {
            profile: keyOf(name, options.namespace),
            mode: parseOutput(mode, ['audit', 'enforce'], 'MODE') as 'audit' | 'enforce',
            canary: percentOf(options.canary),
            quietFor: options.quietFor,
            reason: options.reason,
            dryRun: options.dryRun === true,
            force: options.force === true
          },
          parseOutput(options.output, formats) as Format
        )
      )
    })
  program
    .command('rollback')
    .description('back to where the workload was: out of a canary, one revision or one rung down')
    .argument('<workload>', 'its profile: NAME or NAMESPACE/NAME')
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', 'default')
    .requiredOption('--reason <text>', 'why, kept in the history')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(
      async (
        name: string,
        options: { namespace: string; reason: string; output: string },
        command: Command
      ) => {
        const { rollbackWorkload } = await import('../confinement/ladder.js')
        context.finish(
          await rollbackWorkload(
            context.io,
            await hubsOf(command, context),
            { profile: keyOf(name, options.namespace), reason: options.reason },
            parseOutput(options.output, formats) as Format
          )
        )
      }
    )
}

/** `secco denials|explain|why-eperm|simulate|promote|rollback`: what the running hub knows. */
export function addTruthVerbs(program: Command, context: VerbContext): void {
  addDenials(program, context)
  addExplain(program, context)
  addSimulate(program, context)
  addLadder(program, context)
}
