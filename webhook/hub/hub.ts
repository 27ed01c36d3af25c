import { join } from 'node:path'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { Observation, type SatelliteMessage } from '../../src/api/gen/hub.js'
import { profileKey } from '../../src/rules/profile-state.js'
import { watchAwayNodes } from './away-nodes.js'
import { openDiscovery } from './observations/discovery-file.js'
import { createCardinality, defaultLimits } from './observations/cardinality.js'
import { createFleet } from './fleet.js'
import { createGate } from './stream/gate.js'
import { cachedReview } from './stream/identity.js'
import { defaultTiming } from './hub-timing.js'
import type { Hub, HubOptions } from './hub-types.js'
import { createIntake } from './observations/intake.js'
import { localFleet } from './nodes/local-fleet.js'
import { openLive } from './live.js'
import { createReports, isReport } from './observations/reports.js'
import { createNodeSaver, loadKnownNodes } from './nodes/node-file.js'
import { createNodes } from './nodes/nodes.js'
import { createObserver, observationsOf } from './observations/observer.js'
import {
  largestMessage,
  messageSize,
  refusingOversized,
  streamService
} from './stream/stream-service.js'
import { createPodCheck } from './observations/pod-check.js'
import { createPromotions } from './revisions/promotions.js'
import { openRevisionFiles } from './revisions/revision-files.js'
import { createRefusals } from './stream/refusals.js'
import { createRevisions } from './revisions/revisions.js'
import { type Call, serveSession, type Session } from './stream/session.js'
import { openTlsFront } from './stream/tls-front.js'

type Body = NonNullable<SatelliteMessage['body']>

export type { Hub, HubOptions } from './hub-types.js'

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
  const live = await openLive(options.revisionsDir, logger)
  const { denials, saver: denialSaver } = live
  const discovery = await openDiscovery(join(options.revisionsDir, 'discovery.json'), logger)
  const refusals = createRefusals(logger)
  const limits = { ...defaultLimits, ...options.limits }
  const cardinality = createCardinality(limits)
  const podCheck =
    options.pods === undefined
      ? undefined
      : createPodCheck({
          pods: options.pods,
          plain: options.plainContainers ?? 'refuse',
          waitMs: timing.podWaitMs
        })
  const podOf = (uid: string) => cluster?.podOf(uid)
  const report = createReports({
    ...{ inventory: live.inventory, sets: live.sets, denials, refusals, podOf },
    ...(podCheck === undefined ? {} : { podCheck })
  })
  const observe = createObserver({
    ...{ intake, denials, refusals, cardinality, logger },
    ...(podCheck === undefined ? {} : { podCheck }),
    podOf,
    status: (node) => nodes.get(node)?.status,
    noted: discovery.note,
    denialsSaved: denialSaver.settled
  })
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of [...listeners]) listener()
  }

  const fleetNow = () => {
    const own = nodes.list()
    return cluster?.fleet(own) ?? localFleet(own, nodes.counted(Date.now(), timing.graceMs))
  }
  const revisions = createRevisions({
    store,
    files,
    logger,
    fleet: fleetNow,
    referred: () => cluster?.referred() ?? [],
    mayWrite: () => cluster?.mayWrite() !== false,
    changed: () => {
      fleet.distribute()
      tell()
    },
    debounceMs: timing.debounceMs,
    retryMs: timing.retryMs,
    recordEdits: options.approver !== undefined,
    countMs: timing.countMs,
    ...(options.render === undefined ? {} : { render: options.render })
  })
  const fleet = createFleet({ nodes, revisions, logger })
  const promotions = createPromotions({
    store,
    logger,
    everyMs: timing.promoteMs,
    now: Date.now,
    mayWrite: () => cluster?.mayWrite() !== false,
    ...(options.approver === undefined ? {} : { approver: options.approver })
  })
  const stopCluster = cluster?.onChange((what) => {
    if (what === 'writer') {
      revisions.writesBegin()
      void promotions.look()
    } else {
      awayNodes.look()
      revisions.nodesChanged()
    }
  })

  const awayNodes = watchAwayNodes({
    ...{ nodes, timing, inventory: live.inventory },
    isElsewhere: (node) => cluster?.isElsewhere(node) === true,
    aged: () => revisions.nodesChanged()
  })

  function nodesChanged(): void {
    awayNodes.look()
    saver.changed()
    revisions.nodesChanged()
    tell()
  }

  /** @param bytes of the message that it came in. */
  function receiveObservation(session: Session, observation: Observation, bytes: number): void {
    const limit = limits.observationBytes
    // The others of a message may be what makes it large.
    const own = bytes <= limit ? bytes : Observation.encode(observation).finish().length
    if (own <= limit) {
      observe(session, observation)
      return
    }
    const message = `observation of ${own} bytes`
    observe.refuse(session, observation, { reason: 'too-large', message })
  }

  function receive(session: Session, body: Body): void {
    const { node } = session
    nodes.seen(node, new Date().toISOString())
    const size = messageSize(body.value)
    const observations = observationsOf(body)
    for (const one of observations ?? []) receiveObservation(session, one, size)
    if (observations !== undefined) return
    if (size > limits.statusBytes) {
      const message = `${body.$case} of ${size} bytes`
      refusals.note({ reason: 'status-too-large', message }, { node })
      return
    }
    if (body.$case === 'nodeStatus') {
      nodes.status(node, body.value)
      nodesChanged()
    } else if (body.$case === 'revisionStatus') {
      if (!nodes.revision(node, body.value)) return
      const { namespace, profile, digest, ready, code, message } = body.value
      // A file that nobody wanted and that was removed is no trouble.
      const level = code === 'NOT_FOUND' ? 'info' : 'warn'
      if (!ready) logger[level]({ node, namespace, profile, digest, code }, message)
      fleet.reported(session, body.value)
      nodesChanged()
    } else if (isReport(body)) report(node, body)
  }

  const server = new Server({
    'grpc.max_receive_message_length': largestMessage,
    'grpc.max_concurrent_streams': 4,
    interceptors: [
      refusingOversized((peer) => {
        refusals.note(
          { reason: 'too-large', message: `a message over ${largestMessage} bytes` },
          { peer }
        )
      })
    ]
  })
  const sessionEvents = {
    proven: (peer: string) => front.proven(peer),
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
  const gate = createGate(
    options.reviewToken === undefined ? undefined : cachedReview(options.reviewToken)
  )
  server.addService(streamService, {
    connect: (call: Call) =>
      serveSession(call, { timing, events: sessionEvents, gate, refusals, logger })
  })
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const front = await openTlsFront({
    listen: options.listen,
    tls: options.tls,
    logger,
    tokens: options.reviewToken !== undefined,
    onConnection: (socket) => injector.injectConnection(socket),
    onRefused: () => refusals.count('certificate')
  })

  const stopWatching = await store.watch((event) => {
    if (event.type === 'problem') {
      logger.warn({ code: 'STORE_CORRUPT', where: event.problem.where }, event.problem.message)
    }
    if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
      const { namespace = '', name } = event.object.metadata
      cardinality.known(profileKey(namespace, name))
    } else if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
      const { namespace, name } = event.ref
      cardinality.gone(profileKey(namespace, name))
      live.denialRows.forget(namespace, name)
      denialSaver.changed()
    }
    revisions.event(event)
    promotions.event(event)
  })
  await revisions.settle()
  const referred = new Set([...revisions.desired().values()].map(({ digest }) => digest))
  await files.sweep(referred, timing.forgetMs)

  async function flush(): Promise<void> {
    await intake.flush()
    await denialSaver.flush()
    await promotions.look()
    await revisions.settle()
  }

  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    awayNodes.close()
    podCheck?.close()
    stopCluster?.()
    await intake.close()
    await denialSaver.close()
    stopWatching()
    await promotions.close()
    await revisions.close()
    fleet.end(status.UNAVAILABLE, 'the hub is stopping')
    await new Promise((resolve) => setImmediate(resolve))
    await front.close()
    injector.destroy()
    server.forceShutdown()
    await saver.flush()
    await discovery.flush()
    listeners.clear()
  }

  return {
    address: front.address,
    profiles: () => revisions.states(),
    within: (inner, outer) => revisions.within(inner, outer),
    nodes: () => {
      const wanted = new Set([...revisions.desired().values()].map(({ digest }) => digest))
      // What went wrong with a revision that nobody wants any more is over.
      return nodes.list().map((node) => ({
        ...node,
        problems: node.problems.filter(({ digest }) => wanted.has(digest))
      }))
    },
    node: (name) => nodes.get(name),
    readiness: (path) => fleetNow().readiness(path),
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
    discovery,
    refused: () => refusals.counts(),
    ...{ denialRows: live.denialRows, inventory: live.inventory, sets: live.sets },
    bytes: (digest) => revisions.bytes(digest),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    setCertificate: (pair) => front.setCertificate(pair),
    flush,
    close: () => (closing ??= close())
  }
}
