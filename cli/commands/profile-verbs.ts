import type { Command } from 'commander'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { decidingCalls } from '../../src/seccomp/arguments/deciding-calls.js'
import { applyDocuments } from '../profiles/apply.js'
import { parseOutput } from '../lib/output-format.js'
import { approveProfile, parseRef } from '../profiles/profile.js'
import { type Refusal, showProfile } from '../profiles/profile-show.js'
import { queryOf } from '../hubs/hub-api.js'
import { mergeDenials } from '../hubs/merge/denials.js'
import { askHubs } from '../hubs/hubs.js'
import { sayMissing } from '../lib/missing-hubs.js'
import { whoActs, withChanges } from './who-acts.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'
import { addCallVerb, addDelete, addExtendVerb } from './change-verbs.js'
import { addExportVerb } from './export-verb.js'
import { hubsOf } from './hubs-of.js'
import { addDiff } from './review-verbs.js'

const defaultNamespace = 'default'
type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

/** What running hubs know was refused under a profile; nothing when none runs here. */
async function refusalsOf(
  ref: ObjectRef,
  command: Command,
  context: VerbContext
): Promise<Refusal[]> {
  const path = `/api/v1/denials${queryOf({ namespace: ref.namespace, profile: ref.name })}`
  try {
    const hubs = await hubsOf(command, context)
    const { answers, missing } = await askHubs<{ items: DenialView[] }>(hubs, path)
    sayMissing(context.io, missing)
    return mergeDenials(answers.map(({ items }) => items))
  } catch (thrown) {
    const { code, message, hint } = toSeccoError(thrown)
    if (code === 'UNAVAILABLE' && kubeconfigOf(command) === undefined) return []
    context.io.stderr(`warning: what was refused is not known: ${message}; next: ${hint}\n`)
    return []
  }
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
        const refusals = await refusalsOf(ref, command, context)
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
        const { file, namespace, dryRun = false } = options
        const apply = (store: Store, by: string) => {
          const args = { file, namespace, dryRun, by, at: context.now().toISOString() }
          return applyDocuments(context.io, store, kind, args)
        }
        if (kind === 'SeccompProfile' && !dryRun) await withChanges(command, context, apply)
        else await withStore(command, context, (store) => apply(store, context.user))
      }
    )
}
