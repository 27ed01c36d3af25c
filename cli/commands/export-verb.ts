import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { exportFormats, parseOutput } from '../lib/output-format.js'
import { parseRef } from '../lib/object-ref.js'
import type { ExportArgs } from '../profiles/profile-export.js'
import { kubeconfigOf, pathsOf, type VerbContext, withStore } from './context.js'

interface ExportOptions {
  namespace: string
  output: string
  format?: string
  mode: string
  out?: string
  into?: string
  matchLabels?: string
  approvedBy?: string
  force?: boolean
  revision?: string
}

/** Reads labels from `app=web,tier=front`. */
function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^([\w./-]{1,317})=([\w.-]{0,63})$/.exec(pair))
  if (pairs.some((pair) => pair === null)) {
    throw new SeccoError('INVALID_ARGUMENT', `--match-labels ${text}: not KEY=VALUE,…`, {
      hint: 'write for example --match-labels app=web'
    })
  }
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}

/** Adds `secco profile export`. */
export function addExportVerb(profile: Command, context: VerbContext): void {
  const formats = exportFormats.join(', ')
  profile
    .command('export <name>')
    .description(
      'export a profile: rendered for a runtime (oci), the operator (spo), a MutatingAdmissionPolicy (map) ' +
        'or a registry (oci-artifact), or as a document for another installation (yaml)'
    )
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option('-o, --output <format>', `export as ${formats}`, 'oci')
    .option('--format <format>', 'do the same as -o')
    .option('--mode <mode>', 'render for audit or enforce', 'enforce')
    .option('--force', 'export for enforce although no start was recorded, or its calls are denied')
    .option(
      '--revision <digest>',
      'export this earlier revision instead, in its own mode: its digest, or the first digits of it'
    )
    .option('--out <dir>', 'write into this folder (required for oci-artifact)')
    .option(
      '--into <config.json>',
      'oci: write it into linux.seccomp of this config.json of a bundle instead'
    )
    .option(
      '--match-labels <labels>',
      'map: select pods with these labels, KEY=VALUE,… (default: secco.dev/profile=NAME)'
    )
    .option(
      '--approved-by <user>',
      'yaml: approve the content in the name of this user, who is to apply the document: a GitOps tool, for example'
    )
    .action(async (name: string, options: ExportOptions, command: Command) => {
      const { out, into, matchLabels, approvedBy, force, revision } = options
      const option = options.format === undefined ? '-o' : '--format'
      const format = parseOutput(options.format ?? options.output, exportFormats, option)
      const mode = parseOutput(options.mode, ['audit', 'enforce'], '--mode') as ExportArgs['mode']
      if (matchLabels !== undefined && format !== 'map') {
        throw new SeccoError('INVALID_ARGUMENT', '--match-labels needs --format map')
      }
      if (approvedBy !== undefined && format !== 'yaml') {
        throw new SeccoError('INVALID_ARGUMENT', '--approved-by needs -o yaml')
      }
      if (revision !== undefined && (format === 'yaml' || format === 'map')) {
        throw new SeccoError('INVALID_ARGUMENT', '--revision needs -o oci, spo or oci-artifact')
      }
      if (revision !== undefined && command.getOptionValueSource('mode') === 'cli') {
        throw new SeccoError('INVALID_ARGUMENT', '--revision: a revision has its own mode', {
          hint: 'leave out --mode, or export what is approved now in another mode without --revision'
        })
      }
      if (into !== undefined && (format !== 'oci' || out !== undefined)) {
        throw new SeccoError('INVALID_ARGUMENT', '--into needs --format oci, without --out')
      }
      const { printOrPut } = await import('../lib/into-config.js')
      const { exportProfile } = await import('../profiles/profile-export.js')
      await withStore(command, context, (store) =>
        printOrPut(context.io, into, (io) =>
          exportProfile(io, store, parseRef(name, options.namespace), {
            format: format as ExportArgs['format'],
            mode,
            inCluster: kubeconfigOf(command) !== undefined,
            revisions: pathsOf(command, context).revisions,
            ...(out === undefined ? {} : { out }),
            ...(force === undefined ? {} : { force }),
            ...(revision === undefined ? {} : { revision }),
            ...(approvedBy === undefined ? {} : { approvedBy }),
            ...(matchLabels === undefined ? {} : { matchLabels: labelsOf(matchLabels) })
          })
        )
      )
    })
}
