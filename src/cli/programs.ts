import { mkdir } from 'node:fs/promises'
import { ensureClientLeaf } from '../../certs/files.js'
import { startSatellite } from '../../satellite/main.js'
import { hostPort, startWebhook } from '../../webhook/main.js'
import type { Logger } from '../log.js'
import { openDirectoryStore } from '../store/directory.js'
import { writeDurable } from '../store/durable-file.js'
import { parseAddress } from './addresses.js'
import type { Io } from './io.js'
import type { StatePaths } from './state.js'

/** Resolves when the signal fires. */
function aborted(signal: AbortSignal): Promise<void> {
  return signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

export interface WebhookArgs {
  paths: StatePaths
  listen: string
  hubListen: string
  uiListen: string
  serverNames: readonly string[]
  legacyAnnotations: boolean
  signal: AbortSignal
}

/** `secco webhook`: admission, hub and pages, without a satellite. */
export async function runWebhook(io: Io, logger: Logger, args: WebhookArgs): Promise<number> {
  await mkdir(args.paths.objects, { recursive: true, mode: 0o700 })
  const store = await openDirectoryStore(args.paths.objects)
  const webhook = await startWebhook({
    store,
    certsDir: args.paths.certs,
    revisionsDir: args.paths.revisions,
    serverNames: args.serverNames,
    listen: parseAddress(args.listen, '--listen'),
    hubListen: parseAddress(args.hubListen, '--hub-listen'),
    uiListen: parseAddress(args.uiListen, '--ui-listen'),
    legacyAnnotations: args.legacyAnnotations,
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

export interface SatelliteArgs {
  paths: StatePaths
  hub: string
  node: string
  seccompRoot: string
  runcRoots: readonly string[]
  containerdSocket: string
  record: 'always' | 'off'
  signal: AbortSignal
}

/** `secco satellite`: the node agent. Its certificate comes from the authority in the state folder. */
export async function runSatellite(io: Io, logger: Logger, args: SatelliteArgs): Promise<number> {
  await mkdir(args.paths.spool, { recursive: true, mode: 0o700 })
  const satellite = await startSatellite({
    node: args.node,
    hub: args.hub,
    tls: await ensureClientLeaf(args.paths.certs, args.node),
    seccompRoot: args.seccompRoot,
    spoolDir: args.paths.spool,
    socketPath: args.paths.satelliteSocket,
    runcRoots: args.runcRoots,
    containerdSocket: args.containerdSocket,
    logger,
    record: args.record
  })
  io.stderr(
    `satellite ${args.node} dials the hub at ${args.hub}; local socket ${args.paths.satelliteSocket}\n`
  )
  await aborted(args.signal)
  await satellite.close()
  return 0
}
