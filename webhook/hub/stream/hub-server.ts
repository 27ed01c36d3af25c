import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { CertificatePair } from '../../../certs/pair.js'
import type { Logger } from '../../../src/lib/log.js'
import { type Authenticator, createAuthenticator } from './authenticator.js'
import { boundedReview, isRejected, type ReviewToken } from './identity.js'
import type { Rejections } from './rejections.js'
import { ReplicaLink } from './replica-link.js'
import {
  serveSession,
  type SessionEvents,
  type StreamEvents,
  type SessionTiming
} from './session.js'
import type { StreamGate } from './stream-gate.js'
import { type Call, largestMessage, rejectingOversized, streamService } from './stream-service.js'
import { type Address, openTlsListener, type TlsListener } from './tls-listener.js'

export interface HubServerOptions {
  listen: Address
  tls: CertificatePair
  logger: Logger
  timing: SessionTiming
  rejections: Rejections
  events: StreamEvents
  /** Reviews the tokens of satellites; without it only client certificates count. */
  reviewToken?: ReviewToken
  /** Decides whether this hub serves a stream. */
  gate: StreamGate
}

/** HubServer serves the streams of satellites: gRPC behind a TLS listener. */
export interface HubServer {
  address: Address
  /** Connections between the replicas of the hub. */
  replicas: ReplicaLink
  setCertificate(pair: CertificatePair): void
  close(): Promise<void>
}

function grpcServer(rejections: Rejections): Server {
  const message = `a message over ${largestMessage} bytes`
  return new Server({
    'grpc.max_receive_message_length': largestMessage,
    'grpc.max_concurrent_streams': 4,
    interceptors: [
      rejectingOversized((peer) => rejections.note({ reason: 'too-large', message }, { peer }))
    ]
  })
}

/** Tells the listener whose token is being reviewed. */
function reportingReviews(authenticator: Authenticator, listener: TlsListener): Authenticator {
  return {
    ...authenticator,
    async identify(call) {
      const peer = call.getPeer()
      listener.reviewing(peer, true)
      const answer = await authenticator.identify(call)
      if (isRejected(answer)) listener.reviewing(peer, false)
      return answer
    }
  }
}

/** Opens the server. @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID */
export async function openHubServer(options: HubServerOptions): Promise<HubServer> {
  const { timing, rejections, logger, reviewToken, gate } = options
  const server = grpcServer(rejections)
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const replicas = new ReplicaLink(options.tls)
  const listener = await openTlsListener({
    listen: options.listen,
    tls: options.tls,
    logger,
    tokens: reviewToken !== undefined,
    onConnection: (socket) => injector.injectConnection(socket),
    onReplica: (socket) => replicas.accept(socket),
    onRejected: () => rejections.count('certificate')
  })
  const events: SessionEvents = {
    ...options.events,
    proven: (peer) => listener.proven(peer),
    cut: (peer) => listener.cut(peer)
  }
  const authenticator = reportingReviews(
    createAuthenticator(reviewToken && boundedReview(reviewToken)),
    listener
  )
  // In the same turn of the event loop in which the listener opened: no connection can come before this.
  server.addService(streamService, {
    connect: (call: Call) =>
      serveSession(call, { timing, events, authenticator, rejections, gate, logger })
  })
  return {
    address: listener.address,
    replicas,
    setCertificate(pair) {
      listener.setCertificate(pair)
      replicas.setCertificate(pair)
    },
    async close() {
      gate.close()
      await listener.close()
      injector.destroy()
      server.forceShutdown()
    }
  }
}
