import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { ensureServerLeaf } from '../certs/files.js'
import { watchPair } from '../certs/reload.js'
import { SeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import type { InstallMode } from '../src/rules/observe.js'
import type { Store } from '../src/store/store.js'
import { type Hub, startHub } from './hub/hub.js'
import { nodeMetrics } from './hub/metrics.js'
import { nodeView } from './hub/node-view.js'
import { startObjectCache } from './object-cache.js'
import { createAdmissionServer } from './server.js'
import { startSnapshotFeed } from './snapshot-feed.js'
import { uiPlugin } from './ui/plugin.js'

export interface Address {
  host: string
  port: number
}

export interface WebhookOptions {
  store: Store
  /** Folder of the authority and the leaves; made when missing. */
  certsDir: string
  /** Folder of rendered revisions, so that whenNotReady: Previous survives a restart. */
  revisionsDir: string
  /** Names and addresses that the serving certificate must cover. */
  serverNames: readonly string[]
  /** The webhook's own port: /mutate, /livez, /readyz, /metrics. */
  listen: Address
  /** gRPC for satellites, mutual TLS. */
  hubListen: Address
  /** Pages and API; loopback only. */
  uiListen: Address
  legacyAnnotations: boolean
  /** `observe`: nothing is patched until a namespace is enabled; default enforce. */
  mode?: InstallMode
  logger: Logger
}

export interface RunningWebhook {
  addresses: { webhook: Address; hub: Address; ui: Address }
  /** PEM of the authorities that clients should trust. */
  ca: string
  hub: Hub
  close(): Promise<void>
}

/** Text form of an address, IPv6 in brackets. */
export function hostPort(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

async function listenUi(app: FastifyInstance, address: Address): Promise<Address> {
  try {
    await app.listen(address)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new SeccoError('PORT_IN_USE', `${hostPort(address)}: in use already`, {
      cause,
      hint: 'choose another with --ui-listen, or port 0'
    })
  }
  const bound = app.server.address()
  return {
    host: address.host,
    port: bound !== null && typeof bound === 'object' ? bound.port : address.port
  }
}

const renewalCheckMs = 3_600_000

/**
 * Starts the central service: admission, hub and pages of one store. Resolves when all three listen.
 * @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID, WRITE_FAILED.
 */
export async function startWebhook(options: WebhookOptions): Promise<RunningWebhook> {
  const { logger, store, certsDir, serverNames } = options
  const log = logger.child({ component: 'webhook' })
  const leaf = await ensureServerLeaf(certsDir, serverNames)
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step()
  }
  try {
    const objects = await startObjectCache(store)
    closers.push(() => objects.close())
    const hub = await startHub({
      store,
      listen: options.hubListen,
      tls: leaf,
      revisionsDir: options.revisionsDir,
      logger: logger.child({ component: 'hub' })
    })
    closers.push(() => hub.close())
    const feed = startSnapshotFeed(objects, hub, {
      legacyAnnotations: options.legacyAnnotations,
      mode: options.mode ?? 'enforce'
    })
    closers.push(() => feed.stop())
    const registry = new Registry()
    nodeMetrics(registry, () => hub.nodes().map(nodeView))
    const server = createAdmissionServer({
      tls: leaf,
      registry,
      getSnapshot: () => feed.current(),
      logger: log
    })
    const webhook = await server.listen(options.listen)
    closers.push(() => server.shutdown())

    const pairs = watchPair({
      paths: leaf.paths,
      current: leaf,
      onChange: (pair) => {
        server.setCertificate(pair)
        hub.setCertificate(pair)
        log.info('certificate renewed')
      },
      onProblem: (error) => log.error({ code: error.code }, error.message)
    })
    const renewal = setInterval(() => {
      ensureServerLeaf(certsDir, serverNames).catch((error: unknown) => {
        logger.error(
          { err: error },
          'the certificate could not be renewed; it is tried again in an hour'
        )
      })
    }, renewalCheckMs)
    closers.push(() => {
      clearInterval(renewal)
      pairs.stop()
    })

    const ui = Fastify({ logger: false, forceCloseConnections: true })
    await ui.register(
      uiPlugin({
        profiles: () => objects.profiles(),
        rules: () => objects.rules(),
        nodes: () => hub.nodes().map(nodeView),
        states: () => [...hub.profiles().values()],
        denials: () => hub.denials(),
        problems: () => objects.problems()
      })
    )
    const uiAddress = await listenUi(ui, options.uiListen)
    closers.push(() => ui.close())
    for (const problem of store.problems()) log.warn({ where: problem.where }, problem.message)
    return { addresses: { webhook, hub: hub.address, ui: uiAddress }, ca: leaf.ca, hub, close }
  } catch (error) {
    await close()
    throw error
  }
}
