import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { printOrPut } from '../lib/into-config.js'
import { parseOutput } from '../lib/output-format.js'
import { parseRef } from '../profiles/profile.js'
import { type ExportArgs, exportFormats, exportProfile } from '../profiles/profile-export.js'
import { kubeconfigOf, pathsOf, type VerbContext, withStore } from './context.js'

interface ExportOptions {
  namespace: string
  output: string
  format?: string
  mode: string
  out?: string
  into?: string
  matchLabels?: string
}

/** `app=web,tier=front` → labels. */
function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^([\w./-]{1,317})=([\w.-]{0,63})$/.exec(pair))
  if (pairs.some((pair) => pair === null)) {
    throw new SeccoError('INVALID_ARGUMENT', `--match-labels ${text}: not KEY=VALUE,…`, {
      hint: 'write for example --match-labels app=web'
    })
  }
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}

/** `secco profile export`. */
export function addExportVerb(profile: Command, context: VerbContext): void {
  const formats = exportFormats.join(', ')
  profile
    .command('export <name>')
    .description(
      'the rendered profile for a runtime (oci), the operator (spo), a MutatingAdmissionPolicy with its parameters (map) or a registry (oci-artifact), or the document for another installation (yaml)'
    )
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', 'default')
    .option('-o, --output <format>', formats, 'oci')
    .option('--format <format>', 'the same as -o')
    .option('--mode <mode>', 'audit or enforce', 'enforce')
    .option('--out <dir>', 'write into this folder; an oci-artifact needs one')
    .option(
      '--into <config.json>',
      "oci: put it into linux.seccomp of a bundle's config.json instead"
    )
    .option(
      '--match-labels <labels>',
      'map: pods with these labels, KEY=VALUE,… (default: secco.dev/profile=NAME)'
    )
    .action(async (name: string, options: ExportOptions, command: Command) => {
      const { out, into, matchLabels } = options
      const option = options.format === undefined ? '-o' : '--format'
      const format = parseOutput(options.format ?? options.output, exportFormats, option)
      const mode = parseOutput(options.mode, ['audit', 'enforce'], '--mode') as ExportArgs['mode']
      if (matchLabels !== undefined && format !== 'map') {
        throw new SeccoError('INVALID_ARGUMENT', '--match-labels is of --format map only')
      }
      if (into !== undefined && (format !== 'oci' || out !== undefined)) {
        throw new SeccoError('INVALID_ARGUMENT', '--into is of --format oci only, without --out')
      }
      await withStore(command, context, (store) =>
        printOrPut(context.io, into, (io) =>
          exportProfile(io, store, parseRef(name, options.namespace), {
            format: format as ExportArgs['format'],
            mode,
            inCluster: kubeconfigOf(command) !== undefined,
            revisions: pathsOf(command, context).revisions,
            ...(out === undefined ? {} : { out }),
            ...(matchLabels === undefined ? {} : { matchLabels: labelsOf(matchLabels) })
          })
        )
      )
    })
}
