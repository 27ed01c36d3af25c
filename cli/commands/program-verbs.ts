import { existsSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { pino } from 'pino'
import { bpfMount } from '../../native/pins.js'
import { type Floor, floors } from '../../satellite/revisions/floor.js'
import { type RecordMode, recordModes } from '../../satellite/recorder/record-mode.js'
import { rootNamespace } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { createLogger, createRootLogger } from '../../src/lib/log.js'
import { type InstallMode, installModes } from '../../src/rules/observe.js'
import { parseAddress } from '../lib/addresses.js'
import { parseDuration } from '../lib/duration.js'
import { parseOutput } from '../lib/output-format.js'
import { nodeName } from '../lib/node-name.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'
import {
  collect,
  defaultRuncRoots,
  kubeletRoot,
  type ListenOptions,
  listenOptions,
  recorderOf,
  type RuntimeOptions,
  runtimeOptions
} from './program-options.js'

interface WebhookVerbOptions extends ListenOptions {
  satelliteAccount: string
  hubAudience: string
  plainContainers: string
  mode: string
  serverName?: string[]
  tlsSecret?: string
  tlsDir?: string
  roles: string
  replica?: string
  joinTaint: string
  allowIgnore: string
  leaveAfter?: string
}

interface SatelliteCommandOptions extends RuntimeOptions {
  hub: string
  record: string
  pin: string
  clean?: boolean
  healthListen?: string
  floor: string
  tokenFile?: string
  hubCa?: string
}

/** `--token-file` and `--hub-ca`, both or none. @throws SeccoError INVALID_ARGUMENT */
function tokenOptions({ tokenFile, hubCa }: SatelliteCommandOptions) {
  if (tokenFile === undefined && hubCa === undefined) return undefined
  if (tokenFile !== undefined && hubCa !== undefined) return { tokenFile, caFile: hubCa }
  const missing = tokenFile === undefined ? '--token-file' : '--hub-ca'
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${missing} is missing: a token goes to a hub that is known`,
    {
      hint: 'give both --token-file FILE and --hub-ca FILE, or neither'
    }
  )
}

/** `secco up|webhook|satellite`: the programs. */
export function addProgramVerbs(program: Command, context: VerbContext): void {
  const { io } = context
  runtimeOptions(listenOptions(program.command('up')))
    .description(
      'everything on this machine: webhook, hub, pages and satellite on the embedded store'
    )
    .option('-o, --output <format>', 'table, or json for the addresses as one line', 'table')
    .option('--once', 'end when everything is up (and walked through)')
    .option('--walk-through', 'walk the whole loop with a real container first')
    .action(
      async (
        options: ListenOptions &
          RuntimeOptions & { output: string; once?: boolean; walkThrough?: boolean },
        command: Command
      ) => {
        // Loaded on use: servers and gRPC would double the start of every other verb.
        const { up } = await import('../programs/up.js')
        const paths = pathsOf(command, context)
        await mkdir(paths.root, { recursive: true, mode: 0o700 })
        // On a terminal the log would bury what is said to the person: it goes to a file then.
        const auditFile =
          options.walkThrough === true || io.isTerminal ? join(paths.root, 'secco.log') : undefined
        const file = auditFile === undefined ? undefined : await open(auditFile, 'a', 0o600)
        const logger = createRootLogger(
          file === undefined
            ? logDestination(options.output)
            : pino.destination({ fd: file.fd, sync: true })
        )
        const code = await up(
          io,
          logger,
          {
            paths,
            listen: options.listen,
            hubListen: options.hubListen,
            uiListen: options.uiListen,
            node: nodeName(options.node),
            seccompRoot:
              options.seccompRoot ??
              (existsSync(kubeletRoot) && context.uid === 0
                ? join(kubeletRoot, 'seccomp')
                : undefined),
            runcRoots: options.runcRoot ?? defaultRuncRoots,
            containerdSocket: options.containerdSocket,
            ...recorderOf(options),
            legacyAnnotations:
              parseOutput(options.legacyAnnotations, ['on', 'off'], '--legacy-annotations') ===
              'on',
            user: context.user,
            output: parseOutput(options.output, ['table', 'json']) as 'table' | 'json',
            once: options.once === true,
            walkThrough: options.walkThrough === true,
            signal: context.stopSignal()
          },
          auditFile
        )
        await file?.close()
        context.finish(code)
      }
    )
  listenOptions(program.command('webhook'))
    .description('admission webhook, hub and pages')
    .option(
      '--server-name <name>',
      'a name or address that the certificate covers; repeatable',
      collect
    )
    .option(
      '--tls-secret <namespace/name>',
      "the cluster's Secret with authority and certificate: made, renewed and spread by one replica"
    )
    .option(
      '--tls-dir <dir>',
      'tls.crt, tls.key and ca.crt that somebody else renews, e.g. a mounted Secret of cert-manager'
    )
    .option(
      '--mode <observe|enforce>',
      'observe: pods are told what would happen and not changed, until their namespace has the label secco.dev/mode=enabled',
      'enforce'
    )
    .option(
      '--roles <list>',
      'what this replica does: admission, hub, ui; in a cluster they can be taken apart',
      'admission,hub,ui'
    )
    .option(
      '--replica <name>',
      "name of this replica in a cluster (default: the pod's, its host name)"
    )
    .option(
      '--join-taint <on|off>',
      'on: new nodes register with the taint secco.dev/not-ready:NoSchedule, which is removed once they have every file',
      'off'
    )
    .option(
      '--allow-ignore <on|off>',
      'on: pods may opt out with secco.dev/ignore=true where their namespace says nothing',
      'off'
    )
    .option(
      '--leave-after <duration>',
      'when told to end: how long reviews are still answered while /readyz fails, until no Service leads here (default: not at all)'
    )
    .option(
      '--satellite-account <user>',
      "in a cluster: user name of the satellites' ServiceAccount",
      `system:serviceaccount:${rootNamespace}:secco-satellite`
    )
    .option(
      '--hub-audience <audience>',
      "in a cluster: audience of satellites' tokens",
      'secco-hub'
    )
    .option(
      '--plain-containers <refuse|apart>',
      'in a cluster: what becomes of containers that belong to no pod; apart: profiles plain.NODE.NAME',
      'refuse'
    )
    .action(async (options: WebhookVerbOptions, command: Command) => {
      const { runWebhook } = await import('../programs/programs.js')
      context.finish(
        await runWebhook(io, createRootLogger(), {
          paths: pathsOf(command, context),
          kubeconfig: kubeconfigOf(command),
          listen: options.listen,
          hubListen: options.hubListen,
          uiListen: options.uiListen,
          serverNames: options.serverName ?? [],
          ownNames: ['localhost', '127.0.0.1', '::1', nodeName(undefined)],
          tlsSecret: options.tlsSecret,
          tlsDir: options.tlsDir,
          legacyAnnotations:
            parseOutput(options.legacyAnnotations, ['on', 'off'], '--legacy-annotations') === 'on',
          user: context.user,
          mode: parseOutput(options.mode, installModes, '--mode') as InstallMode,
          roles: options.roles,
          replica: options.replica ?? nodeName(undefined),
          joinTainted: parseOutput(options.joinTaint, ['on', 'off'], '--join-taint') === 'on',
          allowIgnore: parseOutput(options.allowIgnore, ['on', 'off'], '--allow-ignore') === 'on',
          leaveAfter:
            options.leaveAfter === undefined
              ? 0
              : parseDuration(options.leaveAfter, '--leave-after'),
          trust: {
            account: options.satelliteAccount,
            audience: options.hubAudience,
            plainContainers: parseOutput(
              options.plainContainers,
              ['refuse', 'apart'],
              '--plain-containers'
            ) as 'refuse' | 'apart'
          },
          signal: context.stopSignal()
        })
      )
    })
  runtimeOptions(program.command('satellite'))
    .description('the node agent: records, identifies, uploads, installs revisions')
    .option('--hub <host:port>', "the hub's address", '127.0.0.1:9444')
    .option(
      '--token-file <file>',
      "in a cluster: this pod's ServiceAccount token (audience secco-hub) instead of a certificate"
    )
    .option('--hub-ca <file>', 'authorities that sign the certificate of the hub, PEM')
    .option(
      '--record <when>',
      'always; unprofiled: hooks are attached only while a container without a revision or in audit runs, one is being made, or a trace asks, and what enforced ones are refused is not seen; off: nothing is seen',
      'always'
    )
    .option(
      '--pin <dir>',
      'where recording outlives a restart or a crash, on a bpf file system; off: it ends with the process',
      join(bpfMount, 'secco')
    )
    .option(
      '--floor <floor>',
      'what revisions may never go below: approved (beyond RuntimeDefault only what a person approved) or runtime-default',
      'approved'
    )
    .option('--health-listen <host:port>', 'plain HTTP for /livez, /readyz and /metrics')
    .option('--clean', 'detach and remove what earlier satellites left in --pin, and end')
    .action(async (options: SatelliteCommandOptions, command: Command) => {
      const { keepHeapSmall } = await import('../../satellite/small-heap.js')
      keepHeapSmall(process)
      const { cleanSatellite, runSatellite } = await import('../programs/satellite-program.js')
      const pin = options.pin === 'off' ? undefined : options.pin
      if (options.clean === true) {
        if (pin === undefined) {
          throw new SeccoError('INVALID_ARGUMENT', '--clean: --pin off names no folder', {
            hint: 'give the folder that was pinned to, or leave --pin out'
          })
        }
        context.finish(cleanSatellite(io, pin))
        return
      }
      if (pin?.startsWith('/') === false) {
        throw new SeccoError('INVALID_ARGUMENT', `--pin ${pin}: an absolute path is needed`, {
          hint: `for example ${join(bpfMount, 'secco')}, or off`
        })
      }
      context.finish(
        await runSatellite(
          io,
          {
            paths: pathsOf(command, context),
            hub: options.hub,
            node: nodeName(options.node),
            seccompRoot: options.seccompRoot ?? join(kubeletRoot, 'seccomp'),
            runcRoots: options.runcRoot ?? defaultRuncRoots,
            containerdSocket: options.containerdSocket,
            ...recorderOf(options),
            record: parseOutput(options.record, recordModes, '--record') as RecordMode,
            pin,
            token: tokenOptions(options),
            healthListen:
              options.healthListen === undefined
                ? undefined
                : parseAddress(options.healthListen, '--health-listen'),
            floor: parseOutput(options.floor, floors, '--floor') as Floor,
            logger: createLogger('satellite')
          },
          context.stopSignal()
        )
      )
    })
}

/** With -o json stdout belongs to the one line of addresses: the log goes to stderr. */
function logDestination(output: string) {
  return output === 'json' ? pino.destination({ fd: 2, sync: true }) : undefined
}
