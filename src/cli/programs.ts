import { mkdir } from 'node:fs/promises'
import { Registry } from 'prom-client'
import type { HubTrustOptions } from '../../webhook/cluster/hub-trust.js'
import { watchMetrics } from '../../webhook/cluster/watch-metrics.js'
import { hostPort, startWebhook } from '../../webhook/main.js'
import { parseRoles } from '../../webhook/roles.js'
import { rootNamespace } from '../api/names.js'
import type { Logger } from '../log.js'
import { writeDurable } from '../store/durable-file.js'
import { aborted } from './aborted.js'
import { parseAddress, parseLoopback } from './addresses.js'
import type { InstallMode } from '../rules/observe.js'
import type { Io } from './io.js'
import { pluralOf } from '../store/directory-layout.js'
import { loadKubeconfig, openStore } from './open-store.js'
import type { StatePaths } from './state.js'

export interface WebhookArgs {
  paths: StatePaths
  /** A kubeconfig file or `in-cluster`: the objects are a cluster's. */
  kubeconfig: string | undefined
  listen: string
  hubListen: string
  uiListen: string
  serverNames: readonly string[]
  legacyAnnotations: boolean
  mode: InstallMode
  /** `admission,hub,ui` or some of them. */
  roles: string
  /** Name of this replica in a cluster: its pod's. */
  replica: string
  joinTainted: boolean
  trust: HubTrustOptions
  signal: AbortSignal
}

/** `secco webhook`: admission, hub and pages, without a satellite. */
export async function runWebhook(io: Io, logger: Logger, args: WebhookArgs): Promise<number> {
  const { kubeconfig } = args
  const roles = parseRoles(args.roles, kubeconfig !== undefined)
  await mkdir(args.paths.objects, { recursive: true, mode: 0o700 })
  const registry = new Registry()
  const onWatch = watchMetrics(registry, logger.child({ component: 'webhook' }))
  const store = await openStore(args.paths.objects, kubeconfig, {
    onWatch: (kind, event, error) => onWatch(pluralOf[kind], event, error)
  })
  const cluster =
    kubeconfig === undefined
      ? undefined
      : {
          config: await loadKubeconfig(kubeconfig),
          namespace: rootNamespace,
          id: args.replica,
          onWatch
        }
  const webhook = await startWebhook({
    store,
    certsDir: args.paths.certs,
    revisionsDir: args.paths.revisions,
    serverNames: args.serverNames,
    listen: parseAddress(args.listen, '--listen'),
    hubListen: parseAddress(args.hubListen, '--hub-listen'),
    uiListen: parseLoopback(args.uiListen, '--ui-listen'),
    legacyAnnotations: args.legacyAnnotations,
    mode: args.mode,
    joinTainted: args.joinTainted,
    trust: args.trust,
    roles,
    registry,
    ...(cluster === undefined ? {} : { cluster }),
    logger
  })
  const { addresses } = webhook
  const record = {
    pid: process.pid,
    webhook: `https://${hostPort(addresses.webhook)}`,
    hub: addresses.hub === undefined ? '' : hostPort(addresses.hub),
    ui: addresses.ui === undefined ? '' : `http://${hostPort(addresses.ui)}`,
    caBundle: Buffer.from(webhook.ca).toString('base64')
  }
  await writeDurable(args.paths.addresses, `${JSON.stringify(record)}\n`)
  const lines = [
    roles.has('admission') ? `webhook ${record.webhook}/mutate` : `health ${record.webhook}/readyz`,
    record.hub === '' ? '' : `hub ${record.hub}`,
    record.ui === '' ? '' : `pages ${record.ui}/`
  ]
  io.stderr(`${lines.filter((line) => line !== '').join('   ')}\n`)
  await aborted(args.signal)
  await webhook.close()
  await store.close()
  return 0
}
