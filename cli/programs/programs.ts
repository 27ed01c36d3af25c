import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import type { HubTrustOptions } from '../../webhook/cluster/access/hub-trust.js'
import { watchMetrics } from '../../webhook/cluster/watch/watch-metrics.js'
import { startWebhook } from '../../webhook/main.js'
import type { RunningWebhook } from '../../webhook/webhook-options.js'
import { hostPort } from '../../webhook/webhook-options.js'
import { parseRoles, type Role } from '../../webhook/roles.js'
import { rootNamespace } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { writeDurable } from '../../src/lib/durable-file.js'
import { aborted } from '../lib/aborted.js'
import { parseAddress, parseLoopback } from '../lib/addresses.js'
import type { InstallMode } from '../../src/rules/observe.js'
import type { Io } from '../lib/io.js'
import type { Rights } from '../../webhook/access/rights.js'
import { pluralOf } from '../../src/store/directory-layout.js'
import { openCertificates } from './open-certificates.js'
import { type KubeconfigOptions, loadKubeconfig, openStore } from '../lib/open-store.js'
import { ensureStateFolders, ensureUiToken, type StatePaths } from '../lib/state.js'

export interface WebhookArgs {
  paths: StatePaths
  /** A kubeconfig file or `in-cluster` for the objects of a cluster. */
  kubeconfig: KubeconfigOptions | undefined
  listen: string
  hubListen: string
  uiListen: string
  /** Of the aggregated API; undefined: not served. */
  apiListen: string | undefined
  /** Names of --server-name, and this machine's own names. */
  serverNames: readonly string[]
  ownNames: readonly string[]
  tlsSecret: string | undefined
  tlsDir: string | undefined
  /** File with the authorities of callers, and the names that they may have. */
  clientCa: string | undefined
  clientNames: readonly string[]
  legacyAnnotations: boolean
  /** User of the printed link. */
  user: string
  mode: InstallMode
  /** `admission,hub,ui` or some of them. */
  roles: string
  /** Name of this replica in a cluster, which is that of its pod. */
  replica: string
  /** Where satellites and other replicas reach this hub; undefined: where it listens. */
  advertise: string | undefined
  joinTainted: boolean
  allowIgnore: boolean
  /** ms */
  leaveAfter: number
  trust: HubTrustOptions
  signal: AbortSignal
}

/**
 * Returns how people reach this hub. In a cluster they use their own tokens and have the permissions of the cluster, and each
 * has another kubeconfig; on one machine commands have to name its state folder.
 */
async function accessOf({
  kubeconfig,
  paths
}: WebhookArgs): Promise<{ rights?: Rights; commandOptions?: string }> {
  if (kubeconfig === undefined) return { commandOptions: paths.option }
  // Loaded on use: the client takes longer to load than most verbs take to run.
  const { clusterRights } = await import('../../webhook/cluster/access/rights.js')
  return { rights: clusterRights(await loadKubeconfig(kubeconfig)) }
}

/** Reads the authorities of callers. @throws SeccoError NOT_FOUND, CERTIFICATE_INVALID */
async function callersOf({
  clientCa,
  clientNames
}: WebhookArgs): Promise<{ callers?: { ca: string; names: readonly string[] } }> {
  if (clientCa === undefined) return {}
  try {
    const ca = await readFile(clientCa, 'utf8')
    new X509Certificate(ca)
    return { callers: { ca, names: clientNames } }
  } catch (cause) {
    throw new SeccoError(
      'CERTIFICATE_INVALID',
      `--client-ca ${clientCa}: not a certificate in PEM`,
      {
        cause,
        hint: 'give the file of the authority that signed the certificate of the API server for webhooks'
      }
    )
  }
}

/** `secco webhook`: runs admission, hub and pages, without a satellite. */
export async function runWebhook(io: Io, logger: Logger, args: WebhookArgs): Promise<number> {
  // A start may wait for an API server. Every write is atomic, and until it serves nobody waits for an answer.
  const end = () => process.exit(0)
  args.signal.addEventListener('abort', end)
  const onServing = () => args.signal.removeEventListener('abort', end)
  const close = await startProgram(io, logger, args, onServing)
  await aborted(args.signal)
  await close()
  return 0
}

/** Writes the addresses of a program to its state folder, and says them. */
async function announce(
  io: Io,
  args: WebhookArgs,
  roles: ReadonlySet<Role>,
  webhook: RunningWebhook
): Promise<void> {
  const { addresses } = webhook
  const record = {
    pid: process.pid,
    webhook: `https://${hostPort(addresses.webhook)}`,
    hub: addresses.hub === undefined ? '' : hostPort(addresses.hub),
    ui: addresses.ui === undefined ? '' : `http://${hostPort(addresses.ui)}`,
    caBundle: Buffer.from(webhook.ca).toString('base64'),
    ...(addresses.api === undefined ? {} : { api: hostPort(addresses.api) })
  }
  await writeDurable(args.paths.addresses, `${JSON.stringify(record)}\n`)
  const lines = [
    roles.has('admission') ? `webhook ${record.webhook}/mutate` : `health ${record.webhook}/readyz`,
    record.hub === '' ? '' : `hub ${record.hub}`,
    record.ui === '' ? '' : `pages ${record.ui}/`,
    record.api === undefined ? '' : `API for the API server ${record.api}`
  ]
  io.stderr(`${lines.filter((line) => line !== '').join('   ')}\n`)
  const link = webhook.link(args.user)
  if (record.ui !== '') {
    io.stderr(
      link === undefined
        ? 'next: log in with your own token of the cluster\n'
        : `log in once with ${record.ui}${link}   (another link: secco ui link)\n`
    )
  }
}

/** Starts webhook and store, and says where they listen. Returns what closes them. */
async function startProgram(
  io: Io,
  logger: Logger,
  args: WebhookArgs,
  onServing: () => void
): Promise<() => Promise<void>> {
  const { kubeconfig } = args
  const roles = parseRoles(args.roles, kubeconfig !== undefined)
  await ensureStateFolders(args.paths, [args.paths.objects])
  const registry = new Registry()
  const onWatch = watchMetrics(registry, logger.child({ component: 'webhook' }))
  const store = await openStore(args.paths.objects, kubeconfig, {
    onWatch: (kind, event, error) => onWatch(pluralOf[kind], event, error)
  })
  const place = { namespace: rootNamespace, id: args.replica, onWatch }
  const cluster =
    kubeconfig === undefined ? undefined : { config: await loadKubeconfig(kubeconfig), ...place }
  const certificates = await openCertificates({
    secret: args.tlsSecret,
    dir: args.tlsDir,
    kubeconfig,
    // Names of no single replica: all replicas serve with the same certificate.
    serverNames: ['localhost', '127.0.0.1', ...args.serverNames],
    // A replica with only the hub has no permission to renew.
    renews: roles.has('admission'),
    identity: args.replica,
    logger: logger.child({ component: 'webhook' })
  })
  const webhook = await startWebhook({
    store,
    certsDir: args.paths.certs,
    revisionsDir: args.paths.revisions,
    serverNames: [...new Set([...args.ownNames, ...args.serverNames])],
    ...(await callersOf(args)),
    ...(certificates === undefined ? {} : { certificates }),
    listen: parseAddress(args.listen, '--listen'),
    hubListen: parseAddress(args.hubListen, '--hub-listen'),
    ...(args.advertise === undefined ? {} : { advertise: args.advertise }),
    uiListen: parseLoopback(args.uiListen, '--ui-listen'),
    ...(args.apiListen === undefined
      ? {}
      : { apiListen: parseAddress(args.apiListen, '--api-listen') }),
    uiToken: await ensureUiToken(args.paths),
    ...(await accessOf(args)),
    legacyAnnotations: args.legacyAnnotations,
    mode: args.mode,
    joinTainted: args.joinTainted,
    allowIgnore: args.allowIgnore,
    leaveMs: args.leaveAfter,
    onServing,
    trust: args.trust,
    roles,
    registry,
    ...(cluster === undefined ? {} : { cluster }),
    logger
  })
  await announce(io, args, roles, webhook)
  return async () => {
    await webhook.close()
    await store.close()
  }
}
