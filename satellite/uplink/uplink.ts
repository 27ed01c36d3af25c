import { revisionPath } from '../../src/api/names.js'
import type {
  Collect,
  Condition,
  HubMessage,
  NodeStatus,
  Observation,
  RevisionRef,
  RevisionStatus,
  StartTrace,
  Welcome
} from '../../src/api/gen/hub.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { version } from '../../src/lib/version.js'
import { bootId } from '../lib/boot-id.js'
import { type Backlog, openBacklog } from './backlog.js'
import type { HubAddress, UplinkTls } from './hub-client.js'
import { type ConnectionTiming, HubConnection } from './hub-connection.js'
import type { Body } from './messages.js'
import { ObservationStream, type ObservationTiming } from './observation-stream.js'
import { RevisionDeliveries, type RevisionHandlers } from './revision-deliveries.js'
import { openSpool } from './spool.js'
import { StatusReporter } from './status-reporter.js'

export type { UplinkTls } from './hub-client.js'

type UplinkTiming = ConnectionTiming & ObservationTiming

/** When this process started: a new stream is no start. */
const startedAt = new Date(performance.timeOrigin).toISOString()

const defaultTiming: UplinkTiming = {
  coalesceMs: 200,
  saveMs: 3000,
  resendMs: 30_000,
  heartbeatMs: 20_000,
  firstMs: 250,
  baseMs: 1000,
  mostMs: 60_000,
  flushMs: 10_000
}

export interface UplinkOptions extends HubAddress, RevisionHandlers {
  /** Must be the certificate's CN, or the node of the token's pod. */
  node: string
  tls: UplinkTls
  /** ServiceAccount token instead of a certificate of the node. */
  token?: string
  spoolDir: string
  logger: Logger
  status: () => NodeStatus
  /** Files that are on this node and verified; read at each connection. */
  holding: () => readonly RevisionRef[] | Promise<readonly RevisionRef[]>
  /** The hub accepted this node: what it keeps in memory only can be sent from the beginning. */
  onWelcome?: () => void
  /** There is room again for observations that were given up although their container had not ended. */
  onRoom?: (ids: readonly string[]) => void
  /** Offers what was recorded until now; without this the satellite cannot be asked for it. */
  onCollect?: () => Promise<void>
  /** The hub asks for what was recorded of these containers, although nothing changed. */
  onResend?: (containers: readonly string[]) => void
  /** Returns the bytes of a revision that this node holds; the hub has asked for them. */
  onSendRevision?: (ref: RevisionRef) => Promise<Uint8Array | undefined>
  /** The hub starts a trace, or renews its lease; without this the satellite takes no traces. */
  onStartTrace?: (request: StartTrace) => void
  onStopTrace?: (id: string) => void
  timing?: Partial<UplinkTiming>
}

/**
 * Starts to dial the hub and goes on until closed. Everything later is logged, kept and tried again.
 * @throws SeccoError WRITE_FAILED when the spool folder cannot be created.
 */
export async function startUplink(options: UplinkOptions): Promise<Uplink> {
  const spool = await openSpool(options.spoolDir)
  const uplink = new Uplink(options, await openBacklog(spool, options.logger))
  uplink.open()
  return uplink
}

/** Uplink is the satellite's one connection to its hub. Observations are kept until the hub acked them. */
export class Uplink {
  readonly #options: UplinkOptions
  readonly #backlog: Backlog
  readonly #connection: HubConnection
  readonly #observations: ObservationStream
  readonly #deliveries: RevisionDeliveries
  readonly #status: StatusReporter
  #closed = false

  constructor(options: UplinkOptions, backlog: Backlog) {
    const { logger, onRoom } = options
    const timing = { ...defaultTiming, ...options.timing }
    this.#options = options
    this.#backlog = backlog
    this.#connection = new HubConnection({
      ...options,
      timing,
      greeting: () => this.#greeting(),
      onMessage: (message) => this.#receive(message),
      onWritable: () => this.#observations.sendDue(),
      onLost: () => {
        if (!this.#closed) this.#observations.disconnected()
      },
      onHeartbeat: () => this.#observations.sendDue(),
      facts: () => ({ waiting: backlog.size })
    })
    this.#status = new StatusReporter(
      options.status,
      (value) => this.send({ $case: 'nodeStatus', value }),
      logger
    )
    this.#observations = new ObservationStream({
      backlog,
      connection: this.#connection,
      timing,
      logger,
      onGivenUp: () => this.#status.reportSoon(),
      onRoom
    })
    this.#deliveries = new RevisionDeliveries(options, logger, (value) =>
      this.send({ $case: 'revisionStatus', value })
    )
  }

  /** Starts to dial. Called once, by startUplink. */
  open(): void {
    this.#connection.open()
  }

  get connected(): boolean {
    return this.#connection.welcomed
  }

  /** Takes a cumulative observation; it is sent, and spooled until acked. Never blocks or throws. */
  offer(observation: Observation): void {
    this.#observations.offer(observation)
  }

  /** Reports that a file's state changed by itself: a retry worked, a file was lost. */
  report(status: RevisionStatus): void {
    this.#deliveries.note(status)
  }

  /** Sends a message that is not kept. Returns false without a connection. */
  send(message: Body): boolean {
    return this.#connection.send(message)
  }

  /** Sends `status()` if it differs from what this hub has. */
  statusChanged(): void {
    this.#status.report()
  }

  /** Observations that the hub has not acked, and why they cannot be spooled if they cannot. */
  backlog(): { waiting: number; dropped: number; problem: string | undefined } {
    const { size: waiting, dropped, problem } = this.#backlog
    return { waiting, dropped, problem }
  }

  /** Resolves when everything offered until now is acked or spooled; rejects when neither works. */
  durable(): Promise<void> {
    return this.#observations.durable()
  }

  /** Resolves when everything offered is acked; without a hub, or with a slow one, when it is spooled. */
  flush(): Promise<void> {
    return this.#observations.flush()
  }

  /** Dials again with another certificate. */
  setTls(tls: UplinkTls): void {
    this.#connection.setTls(tls)
  }

  /** Gives the hub another token; the stream stays. */
  setToken(token: string): void {
    this.#connection.setToken(token)
  }

  /** Rejections for the node's status. */
  conditions(): Condition[] {
    return this.#observations.rejections.conditions()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.flush()
    this.#closed = true
    this.#observations.close()
    this.#status.close()
    this.#connection.end()
    await this.#deliveries.settled()
    this.#connection.close()
  }

  async #greeting(): Promise<Body> {
    const { logger, node } = this.#options
    let holding: readonly RevisionRef[] = []
    try {
      holding = await this.#options.holding()
    } catch (error) {
      const { code, message } = toSeccoError(error)
      logger.error({ code, reason: message }, 'installed revisions not listed')
    }
    return {
      $case: 'hello',
      value: {
        node,
        bootId: bootId(),
        version,
        status: this.#status.greeting(),
        holding: holding.map((r) => revisionPath(r.namespace, r.profile, r.digest)),
        takesAcksTogether: true,
        takesTraces: this.#options.onStartTrace !== undefined,
        sendsRevisions: this.#options.onSendRevision !== undefined,
        collects: this.#options.onCollect !== undefined,
        startedAt
      }
    }
  }

  #receive({ body }: HubMessage): void {
    if (body === undefined) return
    if (body.$case === 'welcome') this.#welcome(body.value)
    else if (body.$case === 'observationAck') this.#observations.acked([body.value])
    else if (body.$case === 'observationAcks') this.#observations.acked(body.value.acks)
    else if (body.$case === 'observationRejected') this.#observations.rejected(body.value)
    else if (body.$case === 'revision') this.#deliveries.revision(body.value)
    else if (body.$case === 'desired') this.#deliveries.desired(body.value.revisions)
    else if (body.$case === 'startTrace') this.#options.onStartTrace?.(body.value)
    else if (body.$case === 'resend') this.#options.onResend?.(body.value.containers)
    else if (body.$case === 'collect') void this.#collect(body.value)
    else if (body.$case === 'sendRevision') void this.#sendRevision(body.value)
    else if (body.$case === 'stopTrace') this.#options.onStopTrace?.(body.value.id)
  }

  /** Answers behind the observations: the stream keeps the order. Without an answer nothing is proven. */
  async #collect({ id }: Collect): Promise<void> {
    const { onCollect, logger } = this.#options
    try {
      await onCollect?.()
    } catch (error) {
      logger.error({ err: error }, 'recorded calls could not be collected')
      return
    }
    const waiting = this.#observations.sendAll()
    this.send({ $case: 'collected', value: { id, waiting } })
  }

  async #sendRevision(ref: RevisionRef): Promise<void> {
    const json = await this.#options.onSendRevision?.(ref).catch(() => undefined)
    const value = { ...ref, json: Buffer.from(json ?? []), origin: undefined }
    this.send({ $case: 'sentRevision', value })
  }

  #welcome({ resendMs, observationsAtOnce }: Welcome): void {
    this.#connection.welcome()
    this.#status.report()
    for (const value of this.#deliveries.failing()) this.send({ $case: 'revisionStatus', value })
    this.#observations.restart(resendMs, observationsAtOnce)
    this.#options.onWelcome?.()
  }
}
