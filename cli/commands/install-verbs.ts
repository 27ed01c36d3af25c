import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { recordModes, type RecordMode } from '../../satellite/recorder/record-mode.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { type InstallMode, installModes } from '../../src/rules/observe.js'
import { version } from '../../src/lib/version.js'
import {
  defaultOptions,
  type FinalState,
  finalStates,
  type InstallOptions,
  type Layout,
  layouts,
  strictOptions,
  type TlsMode,
  tlsModes
} from '../install/options.js'
import { parseOutput } from '../lib/output-format.js'
import { parseSlots, slotsMeaning } from '../lib/slots.js'
import { kubeconfigOf, type VerbContext } from './context.js'
import { collect } from './program-options.js'

interface InstallFlags {
  mode?: string
  ha?: boolean
  small?: boolean
  image: string
  tls: string
  record: string
  slots: string
  btf?: string
  startupTaint: string
  readFilters?: boolean
  containerd: string
  ownProfiles: string
  allowIgnore?: boolean
  finalState?: string
  strict?: boolean
  aggregateRoles?: boolean
  hubApi?: boolean
  clientCa?: string
  clientName?: string[]
  dryRun?: boolean
}

const installModeHelp =
  'observe: change no pod until its namespace has the label secco.dev/mode=enabled ' +
  `(default: ${defaultOptions.mode}; with --strict: enforce)`
const btfHelp =
  'read types from this BTF file, below /var/lib/secco, on nodes whose kernel has no BTF of its own'
const readFiltersHelp =
  'give satellites CAP_SYS_ADMIN and no filter, so that they can read filters back from the kernel'
const ownProfilesHelp =
  "run Secco's own pods under the profiles that ship with it (`secco own-profile show PROGRAM`), or under RuntimeDefault"
const containerdHelp =
  'off: mount no socket of containerd; satellites name containers by the state of runc alone (docs/security.md)'
const finalStateHelp =
  'warn about or deny a pod that an enforcing rule or a label selects and Secco did not patch, and a path below secco/ set by hand'

const aggregateHelp =
  'make secco-viewer part of the built-in roles view, edit and admin, and secco-developer of edit and admin'

const hubApiHelp =
  'let people reach the hub through the API server (an APIService): with certificates too, and without port-forward'

const strictHelp =
  'no pod without a decision: --mode enforce, failurePolicy Fail, --final-state deny, --floor runtime-default on nodes; needs --client-ca'
const startupTaintHelp = 'keep pods off a new node until it has every file, at most five minutes'
const clientCaHelp =
  'answer reviews only from the API server: the authority of its client certificate (docs/how-to/strict.md); none: it has none'

function installOptions(command: Command): Command {
  return command
    .option('--mode <observe|enforce>', installModeHelp)
    .option('--small', 'run webhook, hub and pages in one program with two replicas (default)')
    .option('--ha', 'run webhook and hub as two programs with two replicas each')
    .option('--image <name>', 'use this image of Secco', `secco:${version}`)
    .option(
      '--tls <selfsigned|cert-manager>',
      'choose who issues the certificates',
      defaultOptions.tls
    )
    .option('--record <when>', `record ${recordModes.join(', ')}`, defaultOptions.record)
    .option('--slots <number>', `on each node: ${slotsMeaning}`, String(defaultOptions.slots))
    .option('--btf <file>', btfHelp)
    .option('--startup-taint <on|off>', startupTaintHelp, 'on')
    .option('--read-filters', readFiltersHelp)
    .option('--containerd <on|off>', containerdHelp, 'on')
    .option('--own-profiles <on|off>', ownProfilesHelp, 'on')
    .option(
      '--allow-ignore',
      'accept secco.dev/ignore=true on a pod whose namespace does not forbid it'
    )
    .option(
      '--final-state <warn|deny>',
      `${finalStateHelp} (default: ${defaultOptions.finalState})`
    )
    .option('--aggregate-roles', aggregateHelp)
    .option('--hub-api', hubApiHelp)
    .option('--strict', strictHelp)
    .option('--client-ca <file|none>', clientCaHelp)
    .option(
      '--client-name <name>',
      "accept only this common name in the API server's certificate; repeatable (default: every name)",
      collect
    )
    .option('--dry-run', 'only show what it would touch')
}

/** Reads the authority of the API server's client certificate. @throws SeccoError INVALID_ARGUMENT */
function callersOf({ strict, clientCa, clientName }: InstallFlags): Partial<InstallOptions> {
  const hint = "give the authority of the API server's client certificate (docs/how-to/strict.md)"
  if (clientCa === undefined && strict === true) {
    throw new SeccoError('INVALID_ARGUMENT', '--strict: needs --client-ca', {
      hint: `${hint}, or --client-ca none`
    })
  }
  if (clientCa === undefined || clientCa === 'none') {
    if (clientName === undefined) return {}
    throw new SeccoError('INVALID_ARGUMENT', '--client-name: needs --client-ca with a file', {
      hint
    })
  }
  let pem: string
  try {
    pem = readFileSync(clientCa, 'utf8')
    new X509Certificate(pem)
  } catch (cause) {
    const message = `--client-ca ${clientCa}: not a certificate in PEM`
    throw new SeccoError('INVALID_ARGUMENT', message, { hint, cause })
  }
  return { clientCa: pem, clientNames: clientName ?? [] }
}

function parseFlags(flags: InstallFlags): InstallOptions {
  const strict = flags.strict === true ? strictOptions : {}
  const usual = { ...defaultOptions, ...strict }
  if (flags.ha === true && flags.small === true) {
    throw new SeccoError('INVALID_ARGUMENT', '--ha and --small exclude each other')
  }
  return {
    ...strict,
    layout: flags.ha === true ? 'ha' : 'small',
    image: flags.image,
    mode: parseOutput(flags.mode ?? usual.mode, installModes, '--mode') as InstallMode,
    tls: parseOutput(flags.tls, tlsModes, '--tls') as TlsMode,
    record: parseOutput(flags.record, recordModes, '--record') as RecordMode,
    slots: parseSlots(flags.slots),
    btf: flags.btf,
    startupTaint: parseOutput(flags.startupTaint, ['on', 'off'], '--startup-taint') === 'on',
    readFilters: flags.readFilters === true,
    containerd: parseOutput(flags.containerd, ['on', 'off'], '--containerd') === 'on',
    ownProfiles: parseOutput(flags.ownProfiles, ['on', 'off'], '--own-profiles') === 'on',
    allowIgnore: flags.allowIgnore === true,
    aggregateRoles: flags.aggregateRoles === true,
    hubApi: flags.hubApi === true,
    finalState: parseOutput(
      flags.finalState ?? usual.finalState,
      finalStates,
      '--final-state'
    ) as FinalState,
    ...callersOf(flags)
  }
}

interface UninstallFlags {
  leftovers?: string
  all?: boolean
  dryRun?: boolean
  timeout: string
}

function parseTimeout(text: string): number {
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000
  throw new SeccoError('INVALID_ARGUMENT', `--timeout ${text}: must be seconds above 0`)
}

function addUninstall(program: Command, context: VerbContext): void {
  program
    .command('uninstall')
    .description('remove Secco from a cluster: the webhook configuration first, then the rest')
    .option('--all', 'remove also the CRDs with every profile and rule, and the namespace')
    .option(
      '--leftovers <small|ha>',
      'remove only what another layout or an earlier version left beside an installation of this layout'
    )
    .option('--dry-run', 'only show what would be deleted')
    .option(
      '--timeout <seconds>',
      'wait this long for each object, and for the pods of other layouts',
      '150'
    )
    .action(async (flags: UninstallFlags, command: Command) => {
      const timeoutMs = parseTimeout(flags.timeout)
      if (flags.leftovers !== undefined && flags.all === true) {
        throw new SeccoError('INVALID_ARGUMENT', '--leftovers: cannot be given with --all', {
          hint: 'leave --all out: --leftovers removes nothing of the installation that stays'
        })
      }
      const [{ runUninstall }, { loadKubeconfig }, { createApiCall }] = await Promise.all([
        import('../install/uninstall.js'),
        import('../lib/open-store.js'),
        import('../../src/store/kubernetes-call.js')
      ])
      const given = kubeconfigOf(command)
      const config = await loadKubeconfig(given ?? {}).catch(async (thrown: unknown) => {
        const error = toSeccoError(thrown)
        if (error.code !== 'NOT_FOUND' || given !== undefined) throw error
        const { printWithoutCluster, withoutCluster } = await import(
          '../install/uninstall-offline.js'
        )
        // What another layout left is only known to a cluster.
        if (flags.dryRun !== true || flags.leftovers !== undefined) throw withoutCluster(error)
        printWithoutCluster(context.io, { all: flags.all === true }, error.message)
        return undefined
      })
      if (config === undefined) return
      const call = createApiCall(config)
      const leftovers =
        flags.leftovers === undefined
          ? undefined
          : (parseOutput(flags.leftovers, layouts, '--leftovers') as Layout)
      const options = {
        all: flags.all === true,
        dryRun: flags.dryRun === true,
        timeoutMs,
        leftovers
      }
      await runUninstall(context.io, call, options)
    })
}

/** Adds `secco install` (for `secco install | kubectl apply -f -`) and `secco uninstall`. */
export function addInstallVerbs(program: Command, context: VerbContext): void {
  installOptions(program.command('install'))
    .description(
      'print the objects that a cluster needs, for `kubectl apply -f -`, and on stderr what they will touch'
    )
    .action(async (flags: InstallFlags) => {
      const options = parseFlags(flags)
      const { runInstall } = await import('../install/install.js')
      context.finish(runInstall(context.io, options, flags.dryRun === true, context.argv))
    })
  addUninstall(program, context)
}
