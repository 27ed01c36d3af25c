import { mkdir } from 'node:fs/promises'
import { hostPort, startWebhook } from '../../webhook/main.js'
import type { Logger } from '../log.js'
import { writeDurable } from '../store/durable-file.js'
import { aborted } from './aborted.js'
import { parseAddress, parseLoopback } from './addresses.js'
import type { InstallMode } from '../rules/observe.js'
import type { Io } from './io.js'
import { openStore } from './open-store.js'
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
  signal: AbortSignal
}

/** `secco webhook`: admission, hub and pages, without a satellite. */
export async function runWebhook(io: Io, logger: Logger, args: WebhookArgs): Promise<number> {
  await mkdir(args.paths.objects, { recursive: true, mode: 0o700 })
  const store = await openStore(args.paths.objects, args.kubeconfig, {
    onWatch: (kind, event, error) => {
      if (event === 'failed') logger.warn({ kind, err: error }, 'a watch of the API server failed')
    }
  })
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
    logger
  })
  const { addresses } = webhook
  const record = {
    pid: process.pid,
    webhook: `https://${hostPort(addresses.webhook)}`,
    hub: hostPort(addresses.hub),
    ui: `http://${hostPort(addresses.ui)}`,
    caBundle: Buffer.from(webhook.ca).toString('base64')
  }
  await writeDurable(args.paths.addresses, `${JSON.stringify(record)}\n`)
  io.stderr(`webhook ${record.webhook}/mutate   hub ${record.hub}   pages ${record.ui}/\n`)
  await aborted(args.signal)
  await webhook.close()
  await store.close()
  return 0
}
