import type { Command } from 'commander'
import { ownWordOfName } from '../../src/api/mute-words.js'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput, type Output } from '../lib/output-format.js'
import { reasonOf } from './change-verbs.js'
import type { VerbContext } from './context.js'
import { hubOf } from './hub-of.js'
import { addLadder, keyOf } from './ladder-verbs.js'

type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const
const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]

interface DenialOptions {
  namespace?: string
  workload?: string
  follow?: boolean
  since?: string
  muted?: boolean
  expected?: boolean
  closed?: boolean
  output: string
}

const namespaceOfHelp = 'use this namespace for a PROFILE without one'

function addDenials(program: Command, context: VerbContext): void {
  const denials = program
    .command('denials')
    .description('list denied syscalls: process, container, node, and what to do about it')
    .option('-n, --namespace <namespace>', 'show only this namespace')
    .option('--workload <kind/name>', 'show only this workload')
    .option('-f, --follow', 'print each denial as it happens, until Ctrl-C')
    .option('--since <time>', 'show only denials from then on: 10m, 2h, or RFC 3339')
    .option('--muted', 'show muted denials too')
    .option('--expected', 'show also what is denied on purpose')
    .option(
      '--closed',
      'show closed denials too: the profile allows the call, and the container has ended'
    )
    .option('-o, --output <format>', 'print as table, wide, json, yaml or name', 'table')
    .action(async (options: DenialOptions, command: Command) => {
      const { listDenials } = await import('../confinement/denials.js')
      context.finish(
        await listDenials(context.io, await hubOf(command, context), {
          output: parseOutput(options.output) as Output,
          namespace: options.namespace,
          workload: options.workload,
          since: options.since,
          muted: options.muted === true,
          expected: options.expected === true,
          closed: options.closed === true,
          follow: options.follow === true ? context.stopSignal() : undefined,
          now: () => context.now().getTime()
        })
      )
    })
  addAllow(denials, context)
  addMute(denials, context)
}

interface AllowOptions {
  namespaceOf: string
  reason?: string
  dryRun?: boolean
  yes?: boolean
}

function addAllow(denials: Command, context: VerbContext): void {
  denials
    .command('allow')
    .description('allow denied syscalls: show the difference; with --yes create the new revision')
    .argument('<profile>', 'the profile of the workload')
    .argument('<syscalls...>', 'SYSCALL or SYSCALL:ARG=VALUE')
    .option('--namespace-of <namespace>', namespaceOfHelp, 'default')
    .option('--reason <text>', 'record this reason with the approval', reasonOf)
    .option(
      '--dry-run',
      'change nothing, and print the command that makes the change: in a cluster a kubectl patch'
    )
    .option('--yes', 'change the profile')
    .action(
      async (profile: string, syscalls: string[], options: AllowOptions, command: Command) => {
        const { allowCall } = await import('../confinement/denials.js')
        const { output } = command.optsWithGlobals<{ output: string }>()
        const args = {
          profile: keyOf(profile, options.namespaceOf),
          syscalls,
          reason: options.reason,
          yes: options.yes === true && options.dryRun !== true,
          dryRun: options.dryRun === true
        }
        const format = parseOutput(output, ['table', 'json']) as 'table' | 'json'
        context.finish(await allowCall(context.io, await hubOf(command, context), args, format))
      }
    )
}

interface MuteOptions {
  namespaceOf: string
  comm?: string
  reason: string
  remove?: boolean
}

function addMute(denials: Command, context: VerbContext): void {
  denials
    .command('mute')
    .description('mute a denied syscall: it is still denied and counted, and raises no alarm')
    .argument('<profile>', 'the profile of the workload')
    .argument('<syscall>', 'its name')
    .option('--namespace-of <namespace>', namespaceOfHelp, 'default')
    .option(
      '--comm <name>',
      `mute only this process name (default: the processes that were denied it); ${ownWordOfName}`
    )
    .requiredOption('--reason <text>', 'record this reason in the history', reasonOf)
    .option('--remove', 'report it again')
    .action(async (profile: string, syscall: string, options: MuteOptions, command: Command) => {
      const { muteCall } = await import('../confinement/denials.js')
      context.finish(
        await muteCall(context.io, await hubOf(command, context), {
          profile: keyOf(profile, options.namespaceOf),
          ...{ syscall, reason: options.reason, remove: options.remove === true },
          ...(options.comm === undefined ? {} : { comm: options.comm })
        })
      )
    })
}

function addExplain(program: Command, context: VerbContext): void {
  for (const [verb, description] of [
    [
      'explain',
      'explain why a container or pod has its profile: rule, revision, nodes, the answer of the webhook'
    ],
    [
      'why-eperm',
      'show which syscall seccomp denied, to which process, under which profile, and what to do'
    ]
  ] as const) {
    program
      .command(verb)
      .description(description)
      .argument('<name>', 'a container, its id, a pod, or NAMESPACE/POD')
      .option('-n, --namespace <namespace>', 'look only in this namespace')
      .option('-o, --output <format>', 'print as table, json or yaml', 'table')
      .action(
        async (name: string, options: { namespace?: string; output: string }, command: Command) => {
          const { explainContainer, whyEperm } = await import('../confinement/explain.js')
          const run = verb === 'explain' ? explainContainer : whyEperm
          context.finish(
            await run(context.io, await hubOf(command, context), name, {
              namespace: options.namespace,
              output: parseOutput(options.output, formats) as Format
            })
          )
        }
      )
  }
}

function addHistory(program: Command, context: VerbContext): void {
  program
    .command('history')
    .description(
      'show what happened to a workload: starts, new syscalls, denials, decisions, deliveries, restarts of Secco'
    )
    .argument('<workload>', 'NAME, KIND/NAME or the name of its profile; or NAMESPACE/NAME')
    .option('-n, --namespace <namespace>', 'look only in this namespace')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(
      async (name: string, options: { namespace?: string; output: string }, command: Command) => {
        const { showHistory } = await import('../confinement/history.js')
        // Kinds begin with a capital letter, namespaces never do.
        const [, within, workload = name] = /^([^/A-Z][^/]*)\/(.+)$/.exec(name) ?? []
        context.finish(
          await showHistory(context.io, await hubOf(command, context), {
            ...{ workload, namespace: within ?? options.namespace },
            output: parseOutput(options.output, formats) as Format
          })
        )
      }
    )
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
    .description(
      'replay recorded syscalls of running containers against a profile and list what it would deny'
    )
    .argument(
      '[profile]',
      'NAMESPACE/NAME, or with @DIGEST; replayed for the containers learned into it'
    )
    .option('--deny <call>', 'deny SYSCALL, SYSCALL:ARG=VALUE or a template; repeatable', collect)
    .option('-l, --selector <selector>', 'replay for containers with these labels instead')
    .option('-n, --namespace <namespace>', 'replay for containers of this namespace')
    .option('-o, --output <format>', 'print as table, wide, json or yaml', 'table')
    .action(async (profile: string | undefined, options: SimulateOptions, command: Command) => {
      if (profile === undefined && options.deny === undefined) {
        throw new SeccoError('INVALID_ARGUMENT', 'simulate takes a PROFILE, or --deny SYSCALL', {
          hint: 'secco simulate shop/web, or secco simulate --deny socket:domain=AF_ALG'
        })
      }
      const { simulateCommand } = await import('../confinement/radius.js')
      const output = parseOutput(options.output, ['table', 'wide', 'json', 'yaml'])
      context.finish(
        await simulateCommand(context.io, await hubOf(command, context), {
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

/** Adds the verbs that ask the running hub: denials, explain, why-eperm, history, simulate, promote and rollback. */
export function addTruthVerbs(program: Command, context: VerbContext): void {
  addDenials(program, context)
  addExplain(program, context)
  addHistory(program, context)
  addSimulate(program, context)
  addLadder(program, context)
}
