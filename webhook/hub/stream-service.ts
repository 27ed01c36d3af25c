import { type ServerInterceptor, ServerInterceptingCall, status } from '@grpc/grpc-js'
import { HubService, SatelliteMessage } from '../../src/api/gen/hub.js'

/** gRPC's limit for what a satellite sends: a full observation has some 60 KiB. */
export const largestMessage = 1024 * 1024

const sizes = new WeakMap<object, number>()

/** Bytes that a received message's body came in. */
export function messageSize(body: object): number {
  return sizes.get(body) ?? 0
}

/** The service as it is served: a broadcast is serialised once, not per stream, and sizes are known. */
export const streamService = {
  connect: {
    ...HubService.connect,
    responseSerialize: (message: Buffer) => message,
    requestDeserialize: (bytes: Buffer) => {
      const message = SatelliteMessage.decode(bytes)
      if (message.body !== undefined) sizes.set(message.body.value, bytes.length)
      return message
    }
  }
}

/**
 * Tells of streams that gRPC ends because a message is larger than it may be: it refuses by the length
 * that a message announces, before anything of it is kept, and tells no handler.
 */
export function refusingOversized(told: (peer: string) => void): ServerInterceptor {
  return (_method, call) => {
    const send = call.sendStatus.bind(call)
    call.sendStatus = (given) => {
      if (given.code === status.RESOURCE_EXHAUSTED && /larger than/.test(given.details ?? '')) {
        told(call.getPeer())
      }
      send(given)
    }
    return new ServerInterceptingCall(call)
  }
}
