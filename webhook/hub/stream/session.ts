import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { Hello, ObservationAck, SatelliteMessage } from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import { version } from '../../../src/lib/version.js'
import { createAcks } from './acks.js'
import { type Gate, tokenOf } from './gate.js'
import { type Identity, isRefused } from './identity.js'
import { observationsOf } from '../observations/observer.js'
import { createOutbox, encode, type Outbox } from './outbox.js'
import { createPace } from '../../../src/lib/pace.js'
import type { Refusals, Refused } from './refusals.js'
import { observationsAtOnce } from './stream-service.js'

export type Call = ServerDuplexStream<SatelliteMessage, Buffer>

export interface SessionTiming {
  heartbeatMs: number
  /** A reader that takes nothing for this long is cut. */
  stallMs: number
  /** Observations of one node: on average, and at once. */
  perSecond: number
  burst: number
  /** What satellites are told of when to send again; 0: as they like. */
  resendMs: number
  /** A token is reviewed again after so long: a pod that was deleted must not speak on. */
  reviewMs: number
}

/** One satellite's stream, from an accepted Hello to its end. */
export interface Session {
  node: string
  outbox: Outbox
  /** Tells that an instance's observation is durable up to a sequence. */
  ack(ack: ObservationAck): void
  /** Ends the stream with a gRPC status; cut: without waiting for the reader. */
  end(code: status, details: string, cut?: boolean): void
}

export interface SessionEvents {
  /** Whoever dialled has proven who they are. */
  proven(peer: string): void
  opened(session: Session, hello: Hello): void
  message(session: Session, body: NonNullable<SatelliteMessage['body']>): void
  closed(session: Session): void
  /** Closes the peer's connection. */
  cut(peer: string): void
}

const helloTimeoutMs = 10_000

export interface SessionServices {
  timing: SessionTiming
  events: SessionEvents
  gate: Gate
  refusals: Refusals
  logger: Logger
}

/**
 * Serves one call: who speaks is proven first, by certificate or token (else UNAUTHENTICATED, and
 * UNAVAILABLE when nobody can tell); then Hello, its node the proven one; heartbeats both ways; a peer
 * that is silent for three of them, or stops reading, is let go. A token is reviewed again from time to
 * time and must be followed by a newer one before it ends. Too many observations at once stop the
 * reading of the stream, which HTTP/2 flow control passes on to the satellite.
 */
export function serveSession(call: Call, services: SessionServices): void {
  const { timing, events, gate, refusals, logger } = services
  const peer = call.getPeer()
  let identity: Identity | undefined
  /** Proven, and the newest that came. */
  let token = tokenOf(call)
  let offered = token
  let reviewedAt = Date.now()
  let reviewing = false
  const pace = createPace(timing.perSecond, timing.burst)
  const outbox = createOutbox((message, taken) => call.write(message, taken))
  let session: Session | undefined
  let done = false
  let heardAt = Date.now()
  let sequence = 0
  let beatenAt = heardAt
  let resume: NodeJS.Timeout | undefined

  function finish(): void {
    if (done) return
    done = true
    outbox.close()
    clearTimeout(helloTimer)
    clearInterval(heartbeat)
    clearTimeout(resume)
    if (session !== undefined) events.closed(session)
  }

  function end(code: status, details: string, cut = false): void {
    if (!done) call.emit('error', { code, details })
    finish()
    if (cut) events.cut(peer)
  }

  function beat(): void {
    const now = Date.now()
    if (outbox.stalledMs(now) > timing.stallMs) {
      logger.warn(
        { node: identity?.node, pending: outbox.pending() },
        'the satellite stopped reading: cut'
      )
      end(status.RESOURCE_EXHAUSTED, 'the reader stalled', true)
    } else if (now - heardAt > 3 * timing.heartbeatMs) {
      logger.warn({ node: identity?.node }, 'the satellite is silent: cut')
      end(status.DEADLINE_EXCEEDED, 'no heartbeat', true)
    } else if (session !== undefined && now - beatenAt >= timing.heartbeatMs) {
      beatenAt = now
      sequence += 1
      outbox.send(encode({ $case: 'heartbeat', value: { sequence } }))
    }
    lookAtToken(now)
  }

  function refuse(refused: Refused): void {
    refusals.note(refused, { peer, ...(identity && { node: identity.node }) })
    const code = refused.reason === 'unreviewed' ? status.UNAVAILABLE : status.UNAUTHENTICATED
    end(code, refused.message.slice(0, 256))
  }

  /** By the clock: what has ended ends the stream, whether or not somebody could be asked. */
  function lookAtToken(now: number): void {
    if (done || identity?.by !== 'token' || offered === undefined) return
    if (now >= (identity.expiresAtMs ?? 0)) {
      const message = 'the token has expired and none followed it'
      refuse({ reason: 'token-expired', message })
    } else if (offered !== token || now - reviewedAt >= timing.reviewMs) void renew(offered)
  }

  async function renew(by: string): Promise<void> {
    if (identity === undefined || reviewing) return
    reviewing = true
    reviewedAt = Date.now()
    const answer = await gate.renew(identity, by)
    reviewing = false
    if (done || answer === undefined) return
    if (isRefused(answer)) {
      refuse(answer)
      return
    }
    identity = answer
    token = by
  }

  function greet(hello: Hello): void {
    if (identity === undefined) return
    const { node } = identity
    if (hello.node !== node) {
      const named = JSON.stringify(hello.node.slice(0, 64))
      const message = `Hello names node ${named}, the ${identity.by} ${JSON.stringify(node)}`
      refuse({ reason: 'node-mismatch', message })
      return
    }
    clearTimeout(helloTimer)
    const ack = createAcks((message) => outbox.send(message), hello.takesAcksTogether)
    session = { node, outbox, ack, end }
    const { resendMs } = timing
    const welcome = { hub: 'hub', version, resendMs, observationsAtOnce }
    outbox.send(encode({ $case: 'welcome', value: welcome }))
    events.opened(session, hello)
  }

  function receive({ body }: SatelliteMessage): void {
    if (done || body === undefined) return
    heardAt = Date.now()
    if (session === undefined) {
      if (body.$case === 'hello') greet(body.value)
      else end(status.FAILED_PRECONDITION, 'the first message must be Hello')
      return
    }
    if (body.$case === 'credentials') {
      offered = body.value.token
      void renew(offered)
      return
    }
    events.message(session, body)
    let wait = 0
    for (let left = observationsOf(body)?.length ?? 0; left > 0; left -= 1)
      wait = pace.take(heardAt)
    if (wait === 0) return
    call.pause()
    clearTimeout(resume)
    resume = setTimeout(() => {
      // Silence while we do not listen is not the peer's.
      heardAt = Date.now()
      call.resume()
    }, wait)
  }

  const helloTimer = setTimeout(() => {
    end(status.DEADLINE_EXCEEDED, 'no Hello came', true)
  }, helloTimeoutMs)
  const heartbeat = setInterval(beat, Math.min(timing.heartbeatMs, timing.stallMs) / 4)
  async function begin(): Promise<void> {
    const answer = await gate.identify(call)
    if (done) return
    if (isRefused(answer)) {
      refuse(answer)
      return
    }
    identity = answer
    events.proven(peer)
    // Nothing is read of a stream before it is known whose it is.
    call.on('data', receive)
  }

  void begin()
  call.on('end', () => {
    finish()
    call.end()
  })
  call.on('cancelled', finish)
  call.on('close', finish)
  call.on('error', finish)
}
