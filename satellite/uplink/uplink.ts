import { type ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import type {
  HubClient,
  HubMessage,
  ObservationAck,
  ObservationRefused,
  RevisionRef,
  Welcome
} from '../../src/api/gen/hub.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { version } from '../../src/lib/version.js'
import { bootId } from '../lib/boot-id.js'
import { openSpool } from './spool.js'
import { backoffMs } from './uplink-backoff.js'
import { newHubClient } from './uplink-client.js'
import { createDeliveries } from './uplink-deliveries.js'
import { type Due, openBacklog } from './uplink-backlog.js'
import { createFlushers } from './uplink-flushers.js'
import { connectionHint } from './uplink-hint.js'
import { type Body, connectMethod, encodeBody } from './uplink-messages.js'
import { createUplinkRefusals, isByNode } from './uplink-refusals.js'
import { createSender, largestObservation } from './uplink-sender.js'
import { createStatusTeller } from './uplink-status.js'
import { defaultTiming, type Uplink, type UplinkOptions } from './uplink-types.js'

type Stream = ClientDuplexStream<Uint8Array, HubMessage>

/** A hub may ask for patience, not for good. */
const longestResendMs = 4 * 3_600_000

/**
 * Starts to dial the hub and goes on until closed. WRITE_FAILED when the spool folder cannot be made;
 * everything later is logged, kept and tried again.
 */
export async function startUplink(options: UplinkOptions): Promise<Uplink> {
  const { logger, node } = options
  const timing = { ...defaultTiming, ...options.timing }
  const backlog = await openBacklog(await openSpool(options.spoolDir), logger)
  const refusals = createUplinkRefusals(logger)
  const flushers = createFlushers()
  let tls = options.tls
  let token = options.token
  let client: HubClient | undefined
  let stream: Stream | undefined
  let welcomed = false
  let welcomedAt = 0
  let attempt = 0
  let resendMs = timing.resendMs
  let heardAt = 0
  let beats = 0
  let closed = false
  let complaint = ''
  let dialTimer: NodeJS.Timeout | undefined
  let pumpTimer: NodeJS.Timeout | undefined
  let saveTimer: NodeJS.Timeout | undefined
  let blocked = false
  const sender = createSender({
    ...{ backlog, write, tooLarge },
    isOpen: () => welcomed && !blocked
  })
  const status = createStatusTeller(options.status, (now) => {
    if (welcomed) send({ $case: 'nodeStatus', value: now })
    return welcomed
  })
  const deliveries = createDeliveries(options, logger, (revision) => {
    if (welcomed) send({ $case: 'revisionStatus', value: revision })
  })

  function write(message: Uint8Array): void {
    if (stream?.write(message) === false) blocked = true
  }

  function send(body: Body): void {
    write(encodeBody(body))
  }

  /**
   * Saves what waits for its ack too long. A hub that answers at once is the disk: nothing has to be
   * written for what it took.
   */
  function saveLater(): void {
    if (!welcomed) {
      void backlog.spool()
      return
    }
    saveTimer ??= setTimeout(() => {
      saveTimer = undefined
      void backlog.spool(timing.saveMs / 2)
      // Some of it may be due by now.
      if (backlog.size() > 0) pump()
    }, timing.saveMs)
  }

  /** Given up, and said: what the hub would refuse each time is not sent at all. */
  function tooLarge({ id, sequence }: Due, bytes: number): void {
    const message = `${bytes} bytes, at most ${largestObservation} are taken`
    refused({ id, sequence, reason: 'too-large', message, retryAfterSeconds: 0 })
  }

  function refused(refusal: ObservationRefused): void {
    const { id, sequence, retryAfterSeconds } = refusal
    refusals.note(refusal)
    if (retryAfterSeconds > 0) {
      backlog.holdBack(id, Date.now() + retryAfterSeconds * 1000, isByNode(refusal))
      return
    }
    backlog.acked(id, sequence)
    if (backlog.size() === 0) flushers.wake()
    status.tellSoon()
  }

  function acked(acks: readonly ObservationAck[]): void {
    for (const { id, sequence } of acks) backlog.acked(id, sequence)
    if (backlog.size() === 0) flushers.wake()
    const again = backlog.toOfferAgain()
    if (again.length > 0) options.onRoom?.(again)
  }

  /** Sends what is due, and saves what is not acked soon. */
  function pump(): void {
    clearTimeout(pumpTimer)
    pumpTimer = undefined
    if (sender.send(Date.now(), resendMs)) schedulePump()
    if (backlog.size() > 0) saveLater()
  }

  function schedulePump(): void {
    pumpTimer ??= setTimeout(pump, timing.coalesceMs)
  }

  function welcome(hub: Welcome): void {
    welcomed = true
    resendMs = Math.min(longestResendMs, Math.max(timing.resendMs, hub.resendMs))
    sender.together(hub.observationsAtOnce)
    welcomedAt = Date.now()
    complaint = ''
    logger.info({ hub: options.hub }, 'connected to the hub')
    status.tell()
    for (const one of deliveries.failing()) send({ $case: 'revisionStatus', value: one })
    backlog.restart()
    pump()
    options.onWelcome?.()
  }

  function receive({ body }: HubMessage): void {
    heardAt = Date.now()
    if (body?.$case === 'welcome') welcome(body.value)
    else if (body?.$case === 'observationAck') acked([body.value])
    else if (body?.$case === 'observationAcks') acked(body.value.acks)
    else if (body?.$case === 'observationRefused') refused(body.value)
    else if (body?.$case === 'revision') {
      deliveries.revision(body.value)
    } else if (body?.$case === 'desired') {
      deliveries.desired(body.value.revisions)
    }
  }

  function lost(which: Stream, reason: string): void {
    if (which !== stream) return
    stream = undefined
    blocked = false
    // A hub that takes us in and throws us out at once must not be hammered.
    if (welcomed && Date.now() - welcomedAt > timing.baseMs) attempt = 0
    welcomed = false
    which.cancel()
    flushers.wake()
    if (closed) return
    // Nobody acks now: what was sent and not yet saved is.
    saveLater()
    const hint = connectionHint(reason)
    // One line per change: an hour without a hub is one line, not hundreds.
    if (complaint !== hint) {
      complaint = hint
      const waiting = backlog.size()
      logger.warn({ code: 'UNAVAILABLE', hub: options.hub, waiting, reason }, `no hub: ${hint}`)
    }
    dialLater()
  }

  function dialLater(): void {
    attempt += 1
    clearTimeout(dialTimer)
    dialTimer = setTimeout(() => void dial(), backoffMs(attempt, Math.random(), timing))
  }

  async function dial(): Promise<void> {
    let held: readonly RevisionRef[] = []
    try {
      held = await options.holding()
    } catch (error) {
      logger.error({ code: toSeccoError(error).code }, toSeccoError(error).message)
    }
    if (closed) return
    client ??= newHubClient(options, tls, timing.mostMs)
    const metadata = new Metadata()
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    const { path, serialize, deserialize } = connectMethod
    const opened = client.makeBidiStreamRequest(path, serialize, deserialize, metadata)
    stream = opened
    heardAt = Date.now()
    opened.on('data', receive)
    opened.on('drain', () => {
      blocked = false
      if (opened === stream) pump()
    })
    opened.on('error', (error) => lost(opened, error.message))
    opened.on('end', () => lost(opened, 'the hub ended the stream'))
    const holding = held.map((r) => revisionPath(r.namespace, r.profile, r.digest))
    send({
      $case: 'hello',
      value: {
        ...{ node, bootId: bootId(), version, status: status.greeting(), holding },
        takesAcksTogether: true
      }
    })
  }

  function beat(): void {
    const current = stream
    if (current === undefined) return
    if (Date.now() - heardAt > 3 * timing.heartbeatMs) {
      lost(current, 'the hub is silent')
      return
    }
    beats += 1
    if (welcomed) send({ $case: 'heartbeat', value: { sequence: beats } })
    pump()
  }

  /** Resolves when the hub has everything, or after `flushMs`, or at once without a hub. */
  async function untilAcked(): Promise<void> {
    if (stream === undefined || backlog.size() === 0) return
    await flushers.wait(timing.flushMs)
  }

  async function flush(): Promise<void> {
    pump()
    await Promise.all([backlog.spool(), untilAcked()])
  }

  const heartbeat = setInterval(beat, timing.heartbeatMs)
  void dial()

  return {
    offer(observation) {
      backlog.put(observation)
      schedulePump()
    },
    report: (status) => deliveries.note(status),
    tell(message) {
      if (!welcomed) return false
      send(message)
      return true
    },
    statusChanged: () => status.tell(),
    get connected() {
      return welcomed
    },
    backlog: () => ({
      waiting: backlog.size(),
      dropped: backlog.dropped(),
      problem: backlog.problem()
    }),
    flush,
    durable() {
      pump()
      return backlog.durable()
    },
    setTls(next) {
      tls = next
      const old = client
      client = undefined
      if (stream !== undefined) lost(stream, 'the certificate was renewed')
      old?.close()
    },
    setToken(next) {
      token = next
      if (stream !== undefined) send({ $case: 'credentials', value: { token: next } })
    },
    conditions: () => refusals.conditions(),
    async close() {
      if (closed) return
      await flush()
      closed = true
      clearInterval(heartbeat)
      clearTimeout(dialTimer)
      clearTimeout(pumpTimer)
      clearTimeout(saveTimer)
      status.close()
      welcomed = false
      stream?.end()
      await deliveries.settled()
      stream?.cancel()
      client?.close()
    }
  }
}
