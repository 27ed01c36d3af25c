import { join } from 'node:path'
import type { Command } from 'commander'
import { recordModes, type RecordMode } from '../../satellite/recorder/record-mode.js'
import { SeccoError } from '../../src/lib/errors.js'
import { type InstallMode, installModes } from '../../src/rules/observe.js'
import { version } from '../../src/lib/version.js'
import {
  defaultOptions,
  type FinalState,
  finalStates,
  type TlsMode,
  tlsModes
} from '../install/options.js'
import { parseOutput } from '../lib/output-format.js'
import { parseSlots, slotsMeaning } from '../lib/slots.js'
import { kubeconfigOf, type VerbContext } from './context.js'

interface InstallFlags {
  mode: string
  ha?: boolean
  small?: boolean
  image: string
  tls: string
  record: string
  slots: string
  btf?: string
  startupTaint?: boolean
  readFilters?: boolean
  ownProfiles: string
  allowIgnore?: boolean
  finalState: string
  dryRun?: boolean
}

/** `secco install | kubectl apply -f -` and `secco uninstall`. */
export function addInstallVerbs(program: Command, context: VerbContext): void {
  program
    .command('install')
    .description(
      'print what a cluster needs, for `kubectl apply -f -`; what it will touch goes to stderr'
    )
    .option(
      '--mode <observe|enforce>',
      'observe: no pod is changed until its namespace has the label secco.dev/mode=enabled',
      defaultOptions.mode
    )
    .option('--small', 'one process for webhook, hub and pages (default)')
    .option('--ha', 'webhook and hub apart, two replicas each, with disruption budgets')
    .option('--image <name>', "Secco's image", `secco:${version}`)
    .option('--tls <selfsigned|cert-manager>', 'who makes certificates', defaultOptions.tls)
    .option('--record <when>', recordModes.join(', '), defaultOptions.record)
    .option('--slots <number>', `on each node: ${slotsMeaning}`, String(defaultOptions.slots))
    .option(
      '--btf <file>',
      'on nodes whose kernel has no BTF of its own: a BTF file of that kernel, below /var/lib/secco of the node'
    )
    .option('--startup-taint', 'new nodes take no pods until they have every file')
    .option(
      '--read-filters',
      'satellites get CAP_SYS_ADMIN and no filter, to read the filters of processes back from the kernel'
    )
    .option(
      '--own-profiles <on|off>',
      "Secco's own pods run under the profiles that come with it (`secco own-profile show`), or under RuntimeDefault",
      'on'
    )
    .option(
      '--allow-ignore',
      'pods may opt out with secco.dev/ignore=true where their namespace says nothing'
    )
    .option(
      '--final-state <warn|deny>',
      'what the API server does with a labelled pod that carries nothing of Secco, or a path below secco/ set by hand',
      defaultOptions.finalState
    )
    .option('--dry-run', 'only say what it would touch')
    .action(async (flags: InstallFlags) => {
      if (flags.ha === true && flags.small === true) {
        throw new SeccoError('INVALID_ARGUMENT', '--ha and --small exclude each other')
      }
      const { runInstall } = await import('../install/install.js')
      const options = {
        layout: flags.ha === true ? ('ha' as const) : ('small' as const),
        image: flags.image,
        mode: parseOutput(flags.mode, installModes, '--mode') as InstallMode,
        tls: parseOutput(flags.tls, tlsModes, '--tls') as TlsMode,
        record: parseOutput(flags.record, recordModes, '--record') as RecordMode,
        slots: parseSlots(flags.slots),
        btf: flags.btf,
        startupTaint: flags.startupTaint === true,
        readFilters: flags.readFilters === true,
        ownProfiles: parseOutput(flags.ownProfiles, ['on', 'off'], '--own-profiles') === 'on',
        allowIgnore: flags.allowIgnore === true,
        finalState: parseOutput(flags.finalState, finalStates, '--final-state') as FinalState
      }
      context.finish(runInstall(context.io, options, flags.dryRun === true))
    })
  program
    .command('uninstall')
    .description('remove Secco from a cluster: the webhook configuration first, then the rest')
    .option('--all', 'also the CRDs with every profile and rule, and the namespace')
    .option('--dry-run', 'only say what would be deleted')
    .option('--timeout <seconds>', 'how long each object is waited for', '60')
    .action(
      async (flags: { all?: boolean; dryRun?: boolean; timeout: string }, command: Command) => {
        const seconds = Number(flags.timeout)
        if (!Number.isFinite(seconds) || seconds <= 0) {
          throw new SeccoError(
            'INVALID_ARGUMENT',
            `--timeout ${flags.timeout}: must be seconds above 0`
          )
        }
        const [{ runUninstall }, { loadKubeconfig }, { createApiCall }] = await Promise.all([
          import('../install/uninstall.js'),
          import('../lib/open-store.js'),
          import('../../src/store/kubernetes-call.js')
        ])
        const file =
          kubeconfigOf(command) ??
          context.io.env['KUBECONFIG'] ??
          join(context.io.env['HOME'] ?? '/', '.kube', 'config')
        const call = createApiCall(await loadKubeconfig(file))
        const options = { all: flags.all === true, dryRun: flags.dryRun === true }
        context.finish(
          await runUninstall(context.io, call, { ...options, timeoutMs: seconds * 1000 })
        )
      }
    )
}
