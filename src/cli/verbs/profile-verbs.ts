import type { Command } from 'commander'
import { SeccoError } from '../../errors.js'
import { decidingCalls } from '../../seccomp/deciding-calls.js'
import { applyDocuments } from '../apply.js'
import { parseOutput } from '../output.js'
import { approveProfile, parseRef } from '../profile.js'
import { type Refusal, showProfile } from '../profile-show.js'
import { readList } from '../hub-api.js'
import { whoActs } from './who-acts.js'
import { readAddresses, type StatePaths } from '../state.js'
import type { ObjectRef } from '../../store/store.js'
import { kubeconfigOf, pathsOf, type VerbContext, withStore } from './context.js'
import { addCallVerb, addDelete, addExtendVerb } from './change-verbs.js'
import { addExportVerb } from './export-verb.js'
import { addDiff } from './review-verbs.js'

const defaultNamespace = 'default'
type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

/** What the running hub knows was refused under a profile; nothing when no hub runs. */
async function refusalsOf(ref: ObjectRef, paths: StatePaths): Promise<Refusal[]> {
  const running = await readAddresses(paths).catch(() => undefined)
  if (running === undefined) return []
  const all = await readList<Refusal>(running, 'denials')
  return all.filter(({ namespace, profile }) => namespace === ref.namespace && profile === ref.name)
}

/** The calls of `--arguments`. @throws SeccoError INVALID_ARGUMENT for one whose arguments decide nothing */
function parseCalls(text: string | undefined): string[] {
  const calls = text === undefined ? [] : text.split(',').map((call) => call.trim())
  const known = ['default', ...decidingCalls.keys()]
  const unknown = calls.find((call) => !known.includes(call))
  if (unknown === undefined) return calls
  throw new SeccoError('INVALID_ARGUMENT', `--arguments ${unknown}: has no argument to filter`, {
    hint: `choose from ${known.join(', ')}`
  })
}

/** `secco profile show|approve|export|diff|apply`. */
export function addProfileVerbs(program: Command, context: VerbContext): void {
  const profile = program
    .command('profile')
    .description('look at, approve, export and compare profiles')
  const verb = (usage: string, description: string) =>
    profile
      .command(usage)
      .description(description)
      .option('-n, --namespace <namespace>', 'namespace of a NAME without one', defaultNamespace)

  verb('show <name>', 'what was observed, what is approved, and the evidence')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(
      async (name: string, options: { namespace: string; output: string }, command: Command) => {
        const output = parseOutput(options.output, formats) as Format
        const ref = parseRef(name, options.namespace)
        const refusals = await refusalsOf(ref, pathsOf(command, context))
        await withStore(command, context, (store) =>
          showProfile(context.io, store, ref, { output, now: context.now().getTime(), refusals })
        )
      }
    )
  verb('approve <name>', 'approve everything that was observed; the hub delivers the revision')
    .option('--reason <text>', 'why, kept with the approval')
    .option('--dry-run', 'show what would be added and change nothing')
    .option(
      '--arguments <calls>',
      'let these calls through with their learned arguments only: a comma-separated list, or default'
    )
    .option('--digest <digest>', 'what was looked at (see --dry-run): approve that or nothing')
    .action(
      async (
        name: string,
        options: {
          namespace: string
          reason?: string
          dryRun?: boolean
          arguments?: string
          digest?: string
        },
        command: Command
      ) => {
        const kubeconfig = kubeconfigOf(command)
        await withStore(command, context, async (store) =>
          approveProfile(context.io, store, parseRef(name, options.namespace), {
            by: await whoActs(kubeconfig, context),
            bind: kubeconfig !== undefined,
            digest: options.digest,
            at: context.now().toISOString(),
            reason: options.reason,
            dryRun: options.dryRun === true,
            arguments: parseCalls(options.arguments)
          })
        )
      }
    )
  addExportVerb(profile, context)
  addDiff(profile, context)
  addApply(profile, context, 'SeccompProfile')
  addCallVerb(profile, context)
  addExtendVerb(profile, context)
  addDelete(profile, context, 'SeccompProfile', defaultNamespace)
}

/** `apply -f FILE`, the same for both kinds. */
export function addApply(
  parent: Command,
  context: VerbContext,
  kind: 'SeccompProfile' | 'SeccompRule'
): void {
  parent
    .command('apply')
    .description(`create or change every ${kind} of a YAML file`)
    .requiredOption('-f, --file <file>', "a YAML file, '-' for standard input")
    .option('-n, --namespace <namespace>', 'namespace of documents that name none')
    .option('--dry-run', 'check the documents and change nothing')
    .action(
      async (options: { file: string; namespace?: string; dryRun?: boolean }, command: Command) => {
        await withStore(command, context, (store) =>
          applyDocuments(context.io, store, kind, {
            file: options.file,
            namespace: options.namespace,
            dryRun: options.dryRun === true
          })
        )
      }
    )
}
