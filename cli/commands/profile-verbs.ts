import type { Command } from 'commander'
import type { NodeView } from '../../webhook/views/view.js'
import { SeccoError } from '../../src/lib/errors.js'
import { decidingCalls } from '../../src/seccomp/arguments/deciding-calls.js'
import { parseOutput } from '../lib/output-format.js'
import { parseRef } from '../lib/object-ref.js'
import { whoActs, withChanges } from './who-acts.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'
import { addCallVerb, addDelete, addExtendVerb, forceHelp, reasonOf } from './change-verbs.js'
import { addExportVerb } from './export-verb.js'
import { denialsOf, hubOf, listed } from './hub-of.js'
import { noteWithoutHub } from './hub-note.js'
import { addDiff } from './review-verbs.js'

const defaultNamespace = 'default'
type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

/** Returns what the hub knows of a profile beyond the store: denials under it, and what nodes did not record. */
async function knownByHub(ref: ObjectRef, command: Command, context: VerbContext) {
  const denials = await denialsOf(ref, command, context)
  if (denials === undefined) return { denials }
  const asked = { hub: hubOf(command, context), command, context }
  const nodes = await listed<NodeView>('losses of nodes are', '/api/v1/nodes', asked)
  const { lossesOfNodes } = await import('../../webhook/views/view.js')
  return { denials, nodes: nodes && lossesOfNodes(nodes) }
}

/** Reads the syscalls of `--arguments`. @throws SeccoError INVALID_ARGUMENT for one without arguments to filter */
function parseCalls(text: string | undefined): string[] {
  const calls = text === undefined ? [] : text.split(',').map((call) => call.trim())
  const known = ['default', ...decidingCalls.keys()]
  const unknown = calls.find((call) => !known.includes(call))
  if (unknown === undefined) return calls
  throw new SeccoError('INVALID_ARGUMENT', `--arguments ${unknown}: has no argument to filter`, {
    hint: `choose from ${known.join(', ')}`
  })
}

/** Adds `secco profile approve NAME…`. */
function addApprove(profile: Command, context: VerbContext): void {
  profile
    .command('approve <names...>')
    .description(
      'approve everything that was observed of each, without what was denied or logged; the hub delivers the revisions'
    )
    .option(
      '-n, --namespace <namespace>',
      'use this namespace for a NAME without one',
      defaultNamespace
    )
    .option('--reason <text>', 'record this reason with the approval', reasonOf)
    .option('--dry-run', 'show what would be added and change nothing')
    .option(
      '--arguments <calls>',
      'allow these syscalls with their learned arguments only: a comma-separated list, or default'
    )
    .option('--digest <digest>', 'approve only if the result has this digest (see --dry-run)')
    .option('--force', `${forceHelp}; needs --reason`)
    .action(
      async (
        names: string[],
        options: {
          namespace: string
          reason?: string
          dryRun?: boolean
          arguments?: string
          digest?: string
          force?: boolean
        },
        command: Command
      ) => {
        const kubeconfig = kubeconfigOf(command)
        const { approveProfiles } = await import('../profiles/profile.js')
        const refs = names.map((name) => parseRef(name, options.namespace))
        if (refs.length > 1 && options.digest !== undefined) {
          throw new SeccoError('INVALID_ARGUMENT', '--digest: is for one profile', {
            hint: 'approve one after the other: secco profile approve NAMESPACE/NAME --digest DIGEST'
          })
        }
        if (options.force === true && (options.reason ?? '') === '') {
          throw new SeccoError('INVALID_ARGUMENT', '--reason: is needed with --force')
        }
        await withStore(command, context, async (store) =>
          approveProfiles(context.io, store, refs, {
            by: await whoActs(kubeconfig, context),
            denialsOf: (ref) => denialsOf(ref, command, context),
            bind: kubeconfig !== undefined,
            digest: options.digest,
            force: options.force === true,
            at: context.now().toISOString(),
            reason: options.reason,
            dryRun: options.dryRun === true,
            arguments: parseCalls(options.arguments)
          })
        )
        await noteWithoutHub(command, context, 'revisions are rendered and delivered once one runs')
      }
    )
}

/** Adds `secco profile` and its sub-verbs. */
export function addProfileVerbs(program: Command, context: VerbContext): void {
  const profile = program
    .command('profile')
    .description('show, approve, export, compare and change profiles')
  const verb = (usage: string, description: string) =>
    profile
      .command(usage)
      .description(description)
      .option(
        '-n, --namespace <namespace>',
        'use this namespace for a NAME without one',
        defaultNamespace
      )

  verb('show <name>', 'show what was observed, what is approved, and the evidence')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(
      async (name: string, options: { namespace: string; output: string }, command: Command) => {
        const output = parseOutput(options.output, formats) as Format
        const ref = parseRef(name, options.namespace)
        const known = await knownByHub(ref, command, context)
        const { showProfile } = await import('../profiles/profile-show.js')
        const noteIfStale = () =>
          noteWithoutHub(command, context, 'what nodes hold and what runs may have changed')
        const args = { output, now: context.now().getTime(), noteIfStale, ...known }
        await withStore(command, context, (store) => showProfile(context.io, store, ref, args))
      }
    )
  addApprove(profile, context)
  addExportVerb(profile, context)
  addDiff(profile, context)
  addApply(profile, context, 'SeccompProfile')
  addCallVerb(profile, context)
  addExtendVerb(profile, context)
  addDelete(profile, context, 'SeccompProfile', defaultNamespace)
}

/** Adds `apply -f FILE`, which is the same for both kinds. */
export function addApply(
  parent: Command,
  context: VerbContext,
  kind: 'SeccompProfile' | 'SeccompRule'
): void {
  parent
    .command('apply')
    .description(`create or change every ${kind} of a YAML file`)
    .requiredOption('-f, --file <file>', "read this YAML file, '-' for standard input")
    .option('-n, --namespace <namespace>', 'use this namespace for documents that name none')
    .option('--force', forceHelp)
    .option('--dry-run', 'check the documents and change nothing')
    .action(
      async (
        options: { file: string; namespace?: string; force?: boolean; dryRun?: boolean },
        command: Command
      ) => {
        const { file, namespace, force = false, dryRun = false } = options
        const { applyDocuments } = await import('../profiles/apply.js')
        const apply = (store: Store, by: string) => {
          const args = { file, namespace, force, dryRun, by, at: context.now().toISOString() }
          return applyDocuments(context.io, store, kind, args)
        }
        if (kind === 'SeccompProfile' && !dryRun) await withChanges(command, context, apply)
        else await withStore(command, context, (store) => apply(store, context.user))
      }
    )
}
