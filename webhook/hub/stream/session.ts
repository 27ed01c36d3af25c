import { type Metadata, status } from '@grpc/grpc-js'
import type { Hello, ObservationAck, SatelliteMessage } from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import { version } from '../../../src/lib/version.js'
import { createAcks } from './acks.js'
import { type Authenticator, tokenOf } from './authenticator.js'
import { type SatelliteIdentity, isRejected } from './identity.js'
import { limitedHello, longHello } from './limited-status.js'
import { createOutbox, encode, type Outbox } from './outbox.js'
import { createPace, type Pace } from '../../../src/lib/pace.js'
import type { Rejections, Rejection } from './rejections.js'
import { noHub, type Pass, type StreamGate } from './stream-gate.js'
import { StreamReading } from './stream-reading.js'
import { observationsAtOnce } from './read-message.js'
import { type Call, messageSize, observationsOf } from './stream-service.js'

export interface SessionTiming {
  heartbeatMs: number
  /** The hub closes the stream of a satellite that reads nothing for this long. */
  stallMs: number
  /** Observations of one node: on average, and at once. */
  perSecond: number
  burst: number
  /** When satellites should resend what was not acked; 0: they choose. */
  resendMs: number
  /** How often a token is reviewed again: a deleted pod must not keep its stream. */
  reviewMs: number
}

/** Session is one satellite's stream, from an accepted Hello to its end. */
export interface Session {
  node: string
  outbox: Outbox
  /** Reports to the satellite that an instance's observation is durable up to a sequence. */
  ack(ack: ObservationAck): void
  /** Reads nothing more until `release`; HTTP/2 flow control passes this on to the satellite. */
  hold(): void
  release(): void
  /** Ends the stream with a gRPC status; `cut` also closes the connection without waiting for the reader. */
  end(code: status, details: string, cut?: boolean): void
}

export interface SessionEvents {
  /** The peer has authenticated. */
  proven(peer: string): void
  opened(session: Session, hello: Hello): void
  message(session: Session, body: NonNullable<SatelliteMessage['body']>): void
  closed(session: Session): void
  /** Closes the peer's connection. */
  cut(peer: string): void
}

/** StreamEvents is what happens to the stream of a satellite. */
export type StreamEvents = Pick<SessionEvents, 'opened' | 'message' | 'closed'>

const helloTimeoutMs = 10_000
/** A message costs its stream as much as an observation for each of so many bytes: to decode them takes time. */
const bytesOfOne = 8 * 1024

export interface SessionServices {
  timing: SessionTiming
  events: SessionEvents
  authenticator: Authenticator
  rejections: Rejections
  gate: StreamGate
  logger: Logger
}

/** TokenState is what a stream that authenticated with a token remembers of its tokens. */
interface TokenState {
  /** The newest token that was accepted. */
  accepted: string | undefined
  /** The newest token that came. */
  offered: string | undefined
  reviewedAt: number
  isReviewing: boolean
}

class SatelliteStream {
  readonly #call: Call
  readonly #services: SessionServices
  readonly #peer: string
  readonly #pace: Pace
  readonly #outbox: Outbox
  readonly #token: TokenState
  #helloTimer: NodeJS.Timeout | undefined
  readonly #heartbeat: NodeJS.Timeout
  readonly #reading: StreamReading
  #identity: SatelliteIdentity | undefined
  #session: Session | undefined
  #isOver = false
  #heardAt = performance.now()
  #beatenAt = this.#heardAt
  #sequence = 0
  /** Bytes that came and were not counted as an observation yet. */
  #bytes = 0

  constructor(call: Call, services: SessionServices) {
    const { timing } = services
    this.#call = call
    this.#services = services
    this.#peer = call.getPeer()
    const token = tokenOf(call)
    this.#token = {
      accepted: token,
      offered: token,
      reviewedAt: performance.now(),
      isReviewing: false
    }
    this.#pace = createPace(timing.perSecond, timing.burst)
    this.#reading = new StreamReading(call, () => (this.#heardAt = performance.now()))
    this.#outbox = createOutbox((message, taken) => call.write(message, taken))
    this.#awaitHello()
    const beatMs = Math.min(timing.heartbeatMs, timing.stallMs) / 4
    this.#heartbeat = setInterval(() => this.#beat(), beatMs)
  }

  /** Authenticates the peer, then reads the stream: nothing is read before its node is known. */
  async start(): Promise<void> {
    for (const event of ['cancelled', 'close', 'error']) this.#call.on(event, () => this.#finish())
    this.#call.on('end', () => {
      this.#finish()
      this.#call.end()
    })
    const { authenticator, gate, events } = this.#services
    const answer = await authenticator.identify(this.#call)
    if (this.#isOver) return
    if (isRejected(answer)) {
      // A hub on standby may not reach the API server: another one reviews the token.
      const isAway = answer.reason === 'unreviewed' && gate.passNow(this.#call) !== 'serve'
      if (!isAway || !this.#isSentAway(noHub())) this.#reject(answer)
      return
    }
    this.#identity = answer
    events.proven(this.#peer)
    clearTimeout(this.#helloTimer)
    const pass = await gate.pass(this.#call)
    if (this.#isSentAway(pass)) return
    this.#heardAt = performance.now()
    this.#awaitHello()
    this.#call.on('data', (message: SatelliteMessage) => this.#receive(message))
  }

  #awaitHello(): void {
    this.#helloTimer = setTimeout(() => {
      this.#end(status.DEADLINE_EXCEEDED, 'no Hello came', true)
    }, helloTimeoutMs)
  }

  #isSentAway(pass: Pass | undefined): boolean {
    if (this.#isOver) return true
    if (pass === undefined || pass === 'serve') return false
    this.#emitEnd(status.UNAVAILABLE, pass.details, pass.metadata)
    return true
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#outbox.close()
    clearTimeout(this.#helloTimer)
    clearInterval(this.#heartbeat)
    this.#reading.close()
    if (this.#session !== undefined) this.#services.events.closed(this.#session)
  }

  #end(code: status, details: string, cut = false): void {
    this.#emitEnd(code, details)
    if (cut) this.#services.events.cut(this.#peer)
  }

  #emitEnd(code: status, details: string, metadata?: Metadata): void {
    if (!this.#isOver) this.#call.emit('error', { code, details, metadata })
    this.#finish()
  }

  #reject(rejection: Rejection): void {
    const { node } = this.#identity ?? {}
    this.#services.rejections.note(rejection, {
      peer: this.#peer,
      ...(node === undefined ? {} : { node })
    })
    const code = rejection.reason === 'unreviewed' ? status.UNAVAILABLE : status.UNAUTHENTICATED
    this.#end(code, rejection.message.slice(0, 256))
  }

  #beat(): void {
    const { timing, logger } = this.#services
    const now = performance.now()
    const node = this.#identity?.node
    if (this.#outbox.stalledMs(now) > timing.stallMs) {
      const pending = this.#outbox.pending()
      logger.warn({ node, pending }, 'satellite stopped reading; closing stream')
      this.#end(status.RESOURCE_EXHAUSTED, 'the reader stalled', true)
    } else if (!this.#reading.isHeld && now - this.#heardAt > 3 * timing.heartbeatMs) {
      logger.warn({ node }, 'satellite sent no heartbeat; closing stream')
      this.#end(status.DEADLINE_EXCEEDED, 'no heartbeat', true)
    } else if (this.#session !== undefined && now - this.#beatenAt >= timing.heartbeatMs) {
      this.#beatenAt = now
      this.#sequence += 1
      const value = { sequence: this.#sequence }
      this.#outbox.send(encode({ $case: 'heartbeat', value }))
    }
    this.#checkToken(now)
  }

  /** Ends the stream when its token has expired, whether or not a review is possible; else reviews it when due. */
  #checkToken(now: number): void {
    const { accepted, offered, reviewedAt } = this.#token
    if (this.#isOver || this.#identity?.by !== 'token' || offered === undefined) return
    // The end of a token is a time of the API server's wall clock; everything else here is an interval.
    if (Date.now() >= (this.#identity.expiresAtMs ?? 0)) {
      const message = 'the token has expired and no newer token came'
      this.#reject({ reason: 'token-expired', message })
    } else if (offered !== accepted || now - reviewedAt >= this.#services.timing.reviewMs) {
      void this.#renew(offered)
    }
  }

  async #renew(offered: string): Promise<void> {
    if (this.#identity === undefined || this.#token.isReviewing) return
    this.#token.isReviewing = true
    this.#token.reviewedAt = performance.now()
    const answer = await this.#services.authenticator.renew(this.#identity, offered)
    this.#token.isReviewing = false
    if (this.#isOver || answer === undefined) return
    if (isRejected(answer)) {
      this.#reject(answer)
      return
    }
    this.#identity = answer
    this.#token.accepted = offered
  }

  #receive({ body }: SatelliteMessage): void {
    if (this.#isOver || body === undefined) return
    this.#heardAt = performance.now()
    if (this.#session === undefined) {
      if (body.$case === 'hello') this.#greet(body.value)
      else this.#end(status.FAILED_PRECONDITION, 'the first message must be Hello')
      return
    }
    if (body.$case === 'credentials') {
      this.#token.offered = body.value.token
      void this.#renew(body.value.token)
      return
    }
    this.#services.events.message(this.#session, body)
    this.#slowDown(observationsOf(body)?.length ?? 0, messageSize(body.value))
  }

  #greet(hello: Hello): void {
    if (this.#identity === undefined) return
    const { node, by } = this.#identity
    if (hello.node !== node) {
      const named = JSON.stringify(hello.node.slice(0, 64))
      const message = `Hello names node ${named}, the ${by} ${JSON.stringify(node)}`
      this.#reject({ reason: 'node-mismatch', message })
      return
    }
    clearTimeout(this.#helloTimer)
    const outbox = this.#outbox
    this.#session = {
      node,
      outbox,
      ack: createAcks((message) => outbox.send(message), hello.takesAcksTogether),
      hold: this.#reading.hold,
      release: this.#reading.release,
      end: (code, details, cut) => this.#end(code, details, cut)
    }
    const { resendMs } = this.#services.timing
    const value = { hub: 'hub', version, resendMs, observationsAtOnce }
    outbox.send(encode({ $case: 'welcome', value }))
    const tooLong = longHello(hello)
    if (tooLong !== undefined) this.#services.rejections.note(tooLong, { node })
    this.#services.events.opened(this.#session, limitedHello(hello))
  }

  /** Stops reading for a while after too many observations or bytes; HTTP/2 flow control passes this on to the satellite. */
  #slowDown(observations: number, bytes: number): void {
    this.#bytes += bytes
    const parts = Math.trunc(this.#bytes / bytesOfOne)
    this.#bytes -= parts * bytesOfOne
    let waitMs = 0
    for (let left = Math.max(observations, parts); left > 0; left -= 1)
      waitMs = this.#pace.take(this.#heardAt)
    if (waitMs > 0) this.#reading.rest(waitMs)
  }
}

/**
 * Serves one call. The peer authenticates first, by certificate or token (else UNAUTHENTICATED; UNAVAILABLE when
 * no review is possible). Hello follows, and must name the node that was authenticated. Both sides send heartbeats;
 * the stream of a peer that is silent for three of them, or stops reading, is closed. A token is reviewed again
 * from time to time, and a newer one must come before it expires.
 */
export function serveSession(call: Call, services: SessionServices): void {
  void new SatelliteStream(call, services).start()
}
