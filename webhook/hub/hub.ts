import { join } from 'node:path'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { CertificatePair } from '../../certs/pair.js'
import { HubService, type RevisionRef, type SatelliteMessage } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { Store } from '../../src/store/store.js'
import { createDenials } from './denials.js'
import { createFleet } from './fleet.js'
import type { HubCluster } from './hub-cluster.js'
import { defaultTiming, type HubTiming } from './hub-timing.js'
import { createIntake } from './intake.js'
import { localFleet } from './local-fleet.js'
import { createNodeSaver, loadKnownNodes } from './node-file.js'
import { createNodes, type NodeState } from './nodes.js'
import type { Denial } from './denial.js'
import { readObservation } from './observations.js'
import { encode } from './outbox.js'
import { createPromotions } from './promotions.js'
import { openRevisionFiles } from './revision-files.js'
import { createRevisions, type Render } from './revisions.js'
import { type Call, serveSession, type Session } from './session.js'
import { type Address, openTlsFront } from './tls-front.js'

export interface HubOptions {
  store: Store
  listen: Address
  tls: CertificatePair
  /** Folder for the bytes of revisions and the nodes known. */
  revisionsDir: string
  logger: Logger
  render?: Render
  timing?: Partial<HubTiming>
  /** In a cluster: what the API server and the other hubs know. */
  cluster?: HubCluster
}

/** The service that collects observations and distributes revisions. */
export interface Hub {
  address: Address
  /** By `profileKey`; a new map after each change. */
  profiles(): ReadonlyMap<string, ProfileState>
  nodes(): NodeState[]
  /** Nodes that `profiles` takes account of; undefined outside a cluster. */
  covered(): ReadonlySet<string> | undefined
  /** Everything that its nodes should hold, by path. */
  desired(): ReadonlyMap<string, RevisionRef>
  /** Whether the node is connected and holds all of it that can be had. */
  isComplete(node: string): boolean
  /** Refused syscalls, newest last; the hub remembers a thousand. */
  denials(): Denial[]
  /** Called after profiles or nodes changed. Returns how to stop. */
  onChange(listener: () => void): () => void
  /** For new connections; CERTIFICATE_INVALID leaves the old pair. */
  setCertificate(pair: CertificatePair): void
  /** Resolves when everything received is written and every profile's state is worked out. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** gRPC's limit for what a satellite sends: a full observation has some 60 KiB. */
const largestMessage = 1024 * 1024

const passthrough = {
  connect: {
    ...HubService.connect,
    // A broadcast is serialised once, not per stream.
    responseSerialize: (message: Buffer) => message
  }
}

/**
 * Starts the hub. Errors: PORT_IN_USE, CERTIFICATE_INVALID, WRITE_FAILED (revisionsDir).
 * Observations are acked only after the store has them durably.
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { store, logger, cluster } = options
  const timing = { ...defaultTiming, ...options.timing }
  const files = await openRevisionFiles(options.revisionsDir)
  const nodesPath = join(options.revisionsDir, 'nodes.json')
  const nodes = createNodes(await loadKnownNodes(nodesPath, logger))
  const saver = createNodeSaver(nodesPath, () => nodes.known(), 1000, logger)
  const intake = createIntake(store, logger, timing, (key) => revisions.profile(key))
  const denials = createDenials(logger)
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of [...listeners]) listener()
  }

  const revisions = createRevisions({
    store,
    files,
    logger,
    fleet: () => {
      const own = nodes.list()
      return cluster?.fleet(own) ?? localFleet(own, nodes.counted(Date.now(), timing.graceMs))
    },
    referred: () => cluster?.referred() ?? [],
    mayWrite: () => cluster?.mayWrite() !== false,
    changed: () => {
      fleet.distribute()
      tell()
    },
    debounceMs: timing.debounceMs,
    retryMs: timing.retryMs,
    countMs: timing.countMs,
    ...(options.render === undefined ? {} : { render: options.render })
  })
  const fleet = createFleet({ nodes, revisions, logger })
  const promotions = createPromotions({
    store,
    logger,
    everyMs: timing.promoteMs,
    now: Date.now,
    mayWrite: () => cluster?.mayWrite() !== false
  })
  const stopCluster = cluster?.onChange((what) => {
    if (what === 'writer') {
      revisions.writesBegin()
      void promotions.look()
    } else revisions.nodesChanged()
  })

  function nodesChanged(): void {
    saver.changed()
    revisions.nodesChanged()
    tell()
  }

  function receive(session: Session, body: NonNullable<SatelliteMessage['body']>): void {
    const { node } = session
    nodes.seen(node, new Date().toISOString())
    if (body.$case === 'nodeStatus') {
      nodes.status(node, body.value)
      nodesChanged()
    } else if (body.$case === 'revisionStatus') {
      if (!nodes.revision(node, body.value)) return
      const { namespace, profile, digest, ready, code, message } = body.value
      if (!ready) logger.warn({ node, namespace, profile, digest, code }, message)
      fleet.reported(session, body.value)
      nodesChanged()
    } else if (body.$case === 'observation') {
      const { id, sequence } = body.value
      const pod = cluster?.podOf(body.value.container?.podUid ?? '')
      const finding = readObservation(body.value, node, nodes.get(node)?.status, pod)
      if (typeof finding === 'string') {
        logger.warn({ node, id: id.slice(0, 128) }, `observation refused: ${finding}`)
        return
      }
      if (finding.dropped.length > 0) {
        logger.warn(
          { node, id, dropped: finding.dropped.slice(0, 5) },
          'parts of an observation dropped'
        )
      }
      denials.note(finding.denials)
      intake.offer(node, finding, () =>
        session.outbox.send(encode({ $case: 'observationAck', value: { id, sequence } }))
      )
    }
  }

  const server = new Server({
    'grpc.max_receive_message_length': largestMessage,
    'grpc.max_concurrent_streams': 4
  })
  const sessionEvents = {
    opened(session: Session, hello: Parameters<typeof nodes.connected>[0]) {
      nodes.connected(hello, new Date().toISOString())
      logger.info({ node: session.node, version: hello.version }, 'satellite connected')
      fleet.join(session)
      nodesChanged()
    },
    message: receive,
    closed(session: Session) {
      if (!fleet.leave(session)) return
      nodes.disconnected(session.node, new Date().toISOString())
      logger.info({ node: session.node }, 'satellite disconnected')
      nodesChanged()
    },
    cut: (peer: string) => front.cut(peer)
  }
  server.addService(passthrough, {
    connect: (call: Call) => serveSession(call, timing, sessionEvents, logger)
  })
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const front = await openTlsFront({
    listen: options.listen,
    tls: options.tls,
    logger,
    onConnection: (socket) => injector.injectConnection(socket)
  })

  const stopWatching = await store.watch((event) => {
    if (event.type === 'problem') {
      logger.warn({ code: 'STORE_CORRUPT', where: event.problem.where }, event.problem.message)
    }
    revisions.event(event)
    promotions.event(event)
  })
  await revisions.settle()
  const referred = new Set([...revisions.desired().values()].map(({ digest }) => digest))
  await files.sweep(referred, timing.forgetMs)

  /** Nodes leave the count by time alone. */
  const ageing = setInterval(
    () => {
      const now = Date.now()
      for (const { name, connected, lastSeen } of nodes.list()) {
        if (!connected && now - Date.parse(lastSeen) > timing.forgetMs) nodes.forget(name)
      }
      revisions.nodesChanged()
    },
    Math.min(timing.graceMs, 60_000)
  )
  ageing.unref()

  async function flush(): Promise<void> {
    await intake.flush()
    await promotions.look()
    await revisions.settle()
  }

  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    clearInterval(ageing)
    stopCluster?.()
    await intake.close()
    stopWatching()
    await promotions.close()
    await revisions.close()
    fleet.end(status.UNAVAILABLE, 'the hub is stopping')
    await new Promise((resolve) => setImmediate(resolve))
    await front.close()
    injector.destroy()
    server.forceShutdown()
    await saver.flush()
    listeners.clear()
  }

  return {
    address: front.address,
    profiles: () => revisions.states(),
    nodes: () => {
      const wanted = new Set([...revisions.desired().values()].map(({ digest }) => digest))
      // What went wrong with a revision that nobody wants any more is over.
      return nodes.list().map((node) => ({
        ...node,
        problems: node.problems.filter(({ digest }) => wanted.has(digest))
      }))
    },
    covered: () => revisions.covered(),
    desired: () => revisions.desired(),
    isComplete(name) {
      const node = nodes.get(name)
      if (node?.connected !== true) return false
      const unavailable = revisions.unavailable()
      return [...revisions.desired().keys()].every(
        (path) => node.holding.has(path) || unavailable.has(path)
      )
    },
    denials: () => denials.list(),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    setCertificate: (pair) => front.setCertificate(pair),
    flush,
    close: () => (closing ??= close())
  }
}
