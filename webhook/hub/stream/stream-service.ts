import {
  type ServerDuplexStream,
  type ServerInterceptor,
  ServerInterceptingCall,
  status
} from '@grpc/grpc-js'
import { HubService, type Observation, type SatelliteMessage } from '../../../src/api/gen/hub.js'
import { readMessage } from './read-message.js'

/** Call is the stream of one satellite, as gRPC hands it over. */
export type Call = ServerDuplexStream<SatelliteMessage, Buffer>

/** gRPC's limit for what a satellite sends: a full observation has some 60 KiB. */
export const largestMessage = 1024 * 1024

const sizes = new WeakMap<object, number>()

/** Returns the size of the message that a body came in. */
export function messageSize(body: object): number {
  return sizes.get(body) ?? 0
}

/** Returns the observations in a message, or undefined for other message types. */
export function observationsOf(
  body: NonNullable<SatelliteMessage['body']>
): readonly Observation[] | undefined {
  if (body.$case === 'observations') return body.value.observations
  return body.$case === 'observation' ? [body.value] : undefined
}

/** The served service: a broadcast is serialised once, not per stream, and the sizes of messages are known. */
export const streamService = {
  connect: {
    ...HubService.connect,
    responseSerialize: (message: Buffer) => message,
    requestDeserialize: (bytes: Buffer) => {
      const message = readMessage(bytes)
      if (message.body !== undefined) sizes.set(message.body.value, bytes.length)
      return message
    }
  }
}

/**
 * Reports streams that gRPC ends because a message is too large: gRPC rejects a message by its announced length,
 * before it keeps anything of it, and calls no handler.
 */
export function rejectingOversized(onRejected: (peer: string) => void): ServerInterceptor {
  return (_method, call) => {
    const send = call.sendStatus.bind(call)
    call.sendStatus = (given) => {
      if (given.code === status.RESOURCE_EXHAUSTED && /larger than/.test(given.details)) {
        onRejected(call.getPeer())
      }
      send(given)
    }
    return new ServerInterceptingCall(call)
  }
}
