import type { Command } from 'commander'
import { rootNamespace } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { idleMs } from '../../src/lib/idle-connections.js'
import { type InstallMode, installModes } from '../../src/rules/observe.js'
import { parseDuration } from '../lib/duration.js'
import { nodeName } from '../lib/node-name.js'
import { parseOutput } from '../lib/output-format.js'
import type { WebhookArgs } from '../programs/programs.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'
import { collect, type ListenOptions, listenOptions } from './program-options.js'

interface WebhookOptions extends ListenOptions {
  satelliteAccount: string
  hubAudience: string
  plainContainers: string
  mode: string
  serverName?: string[]
  tlsSecret?: string
  tlsDir?: string
  roles: string
  replica?: string
  advertise?: string
  apiListen?: string
  joinTaint: string
  allowIgnore: string
  leaveAfter?: string
  clientCa?: string
  clientName?: string[]
}

function certificateOptions(command: Command): Command {
  return command
    .option(
      '--server-name <name>',
      'put this name or address into the certificate; repeatable',
      collect
    )
    .option(
      '--tls-secret <namespace/name>',
      'keep authority and certificate in this Secret of the cluster; one replica creates and renews them'
    )
    .option(
      '--tls-dir <dir>',
      'read tls.crt, tls.key and ca.crt from this folder; something else renews them, for example cert-manager'
    )
    .option(
      '--client-ca <file>',
      'answer reviews only from callers with a certificate that these authorities signed; probes and metrics need none'
    )
    .option(
      '--client-name <name>',
      "accept only this common name in the caller's certificate; repeatable (default: every name)",
      collect
    )
}

function decisionOptions(command: Command): Command {
  return command
    .option(
      '--mode <observe|enforce>',
      'observe: only warn what would change, until the namespace has the label secco.dev/mode=enabled',
      'enforce'
    )
    .option(
      '--allow-ignore <on|off>',
      'on: accept secco.dev/ignore=true on a pod whose namespace does not forbid it',
      'off'
    )
}

function clusterOptions(command: Command): Command {
  return command
    .option(
      '--roles <list>',
      'run these roles in this replica: admission, hub, ui; in a cluster they can run apart',
      'admission,hub,ui'
    )
    .option(
      '--replica <name>',
      'name this replica in a cluster (default: the host name, which is the pod name)'
    )
    .option(
      '--advertise <host>',
      'in a cluster: satellites and other replicas reach this hub at this host or address (default: that of --hub-listen)'
    )
    .option(
      '--api-listen <host:port>',
      'in a cluster: serve the API of the hub to the API server here, for people without port-forward (an APIService names it)'
    )
    .option(
      '--join-taint <on|off>',
      'on: remove the taint secco.dev/not-ready:NoSchedule from a new node once it has every file',
      'off'
    )
    .option(
      '--leave-after <duration>',
      'after SIGTERM, answer reviews this long while /readyz fails, ' +
        `then wait up to ${idleMs / 1000} s for callers to close (default: end at once)`
    )
    .option(
      '--satellite-account <user>',
      "in a cluster: accept this user name as the satellites' ServiceAccount",
      `system:serviceaccount:${rootNamespace}:secco-satellite`
    )
    .option(
      '--hub-audience <audience>',
      "in a cluster: require this audience in the satellites' tokens",
      'secco-hub'
    )
    .option(
      '--plain-containers <reject|apart>',
      'in a cluster: reject containers that belong to no pod, or keep them apart in profiles plain.NODE.NAME',
      'reject'
    )
}

/** Adds the options of `secco webhook`. */
export const webhookOptions = (command: Command): Command =>
  clusterOptions(decisionOptions(certificateOptions(listenOptions(command))))

/** Reads what `secco webhook` was called with. @throws SeccoError INVALID_ARGUMENT */
export function webhookArgs(
  options: WebhookOptions,
  command: Command,
  context: Pick<VerbContext, 'io' | 'uid' | 'user' | 'stopSignal'>
): WebhookArgs {
  const isOn = (value: string, option: string) => parseOutput(value, ['on', 'off'], option) === 'on'
  const { leaveAfter, clientCa, clientName } = options
  if (clientName !== undefined && clientCa === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', '--client-name: needs --client-ca')
  }
  return {
    paths: pathsOf(command, context),
    kubeconfig: kubeconfigOf(command),
    listen: options.listen,
    hubListen: options.hubListen,
    uiListen: options.uiListen,
    serverNames: options.serverName ?? [],
    ownNames: ['localhost', '127.0.0.1', '::1', nodeName(undefined)],
    tlsSecret: options.tlsSecret,
    tlsDir: options.tlsDir,
    clientCa,
    clientNames: clientName ?? [],
    legacyAnnotations: isOn(options.legacyAnnotations, '--legacy-annotations'),
    user: context.user,
    mode: parseOutput(options.mode, installModes, '--mode') as InstallMode,
    roles: options.roles,
    replica: options.replica ?? nodeName(undefined),
    advertise: options.advertise,
    apiListen: options.apiListen,
    joinTainted: isOn(options.joinTaint, '--join-taint'),
    allowIgnore: isOn(options.allowIgnore, '--allow-ignore'),
    leaveAfter: leaveAfter === undefined ? 0 : parseDuration(leaveAfter, '--leave-after'),
    trust: {
      account: options.satelliteAccount,
      audience: options.hubAudience,
      plainContainers: parseOutput(
        options.plainContainers,
        ['reject', 'apart'],
        '--plain-containers'
      ) as 'reject' | 'apart'
    },
    signal: context.stopSignal()
  }
}

/** Adds `secco webhook`. */
export function addWebhookVerb(program: Command, context: VerbContext): void {
  webhookOptions(program.command('webhook'))
    .description('run the admission webhook, the hub and the pages')
    .action(async (options: WebhookOptions, command: Command) => {
      const { runWebhook } = await import('../programs/programs.js')
      const args = webhookArgs(options, command, context)
      const { createRootLogger } = await import('../../src/lib/log.js')
      context.finish(await runWebhook(context.io, createRootLogger(), args))
    })
}
