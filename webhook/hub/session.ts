import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { Hello, SatelliteMessage } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/log.js'
import { version } from '../../src/version.js'
import { createOutbox, encode, type Outbox } from './outbox.js'
import { createPace } from './pace.js'

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
}

/** One satellite's stream, from an accepted Hello to its end. */
export interface Session {
  node: string
  outbox: Outbox
  /** Ends the stream with a gRPC status; cut: without waiting for the reader. */
  end(code: status, details: string, cut?: boolean): void
}

export interface SessionEvents {
  opened(session: Session, hello: Hello): void
  message(session: Session, body: NonNullable<SatelliteMessage['body']>): void
  closed(session: Session): void
  /** Closes the peer's connection. */
  cut(peer: string): void
}

const helloTimeoutMs = 10_000

/** The node that the client certificate names, when TLS has verified it. */
export function certifiedNode(call: Call): string | undefined {
  const { sslPeerCertificate } = call.getAuthContext()
  const name: unknown = sslPeerCertificate?.subject.CN
  return typeof name === 'string' && name !== '' ? name : undefined
}

/**
 * Serves one call: Hello first, its node the certificate's CN (else UNAUTHENTICATED); heartbeats both
 * ways; a peer that is silent for three of them, or stops reading, is let go. Too many observations
 * at once stop the reading of the stream, which HTTP/2 flow control passes on to the satellite.
 */
export function serveSession(
  call: Call,
  timing: SessionTiming,
  events: SessionEvents,
  logger: Logger
): void {
  const peer = call.getPeer()
  const node = certifiedNode(call)
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
      logger.warn({ node, pending: outbox.pending() }, 'the satellite stopped reading: cut')
      end(status.RESOURCE_EXHAUSTED, 'the reader stalled', true)
    } else if (now - heardAt > 3 * timing.heartbeatMs) {
      logger.warn({ node }, 'the satellite is silent: cut')
      end(status.DEADLINE_EXCEEDED, 'no heartbeat', true)
    } else if (session !== undefined && now - beatenAt >= timing.heartbeatMs) {
      beatenAt = now
      sequence += 1
      outbox.send(encode({ $case: 'heartbeat', value: { sequence } }))
    }
  }

  function greet(hello: Hello): void {
    if (node === undefined || hello.node !== node) {
      const reason = `Hello names node ${JSON.stringify(hello.node.slice(0, 64))}, the certificate ${JSON.stringify(node ?? '')}`
      logger.warn({ code: 'UNAUTHENTICATED', peer, node }, `connection refused: ${reason}`)
      end(status.UNAUTHENTICATED, reason)
      return
    }
    clearTimeout(helloTimer)
    session = { node, outbox, end }
    outbox.send(
      encode({ $case: 'welcome', value: { hub: 'hub', version, resendMs: timing.resendMs } })
    )
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
    events.message(session, body)
    if (body.$case !== 'observation') return
    const wait = pace.take(heardAt)
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
  call.on('data', receive)
  call.on('end', () => {
    finish()
    call.end()
  })
  call.on('cancelled', finish)
  call.on('close', finish)
  call.on('error', finish)
}
