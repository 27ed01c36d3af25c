import {
  type ServerDuplexStream,
  type ServerInterceptor,
  ServerInterceptingCall,
  status
} from '@grpc/grpc-js'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import {
  HubService,
  type Observation,
  Observations,
  SatelliteMessage
} from '../../../src/api/gen/hub.js'

/** Call is the stream of one satellite, as gRPC hands it over. */
export type Call = ServerDuplexStream<SatelliteMessage, Buffer>

/** gRPC's limit for what a satellite sends: a full observation has some 60 KiB. */
export const largestMessage = 1024 * 1024

/** The most observations that one message may have. */
export const observationsAtOnce = 64

/** Returns the number of the first field of an encoded message. */
const firstField = (bytes: Uint8Array): number => new BinaryReader(bytes).tag()[0]
const some = Observations.fromPartial({ observations: [{}] })
const batchField = firstField(
  SatelliteMessage.encode({ body: { $case: 'observations', value: some } }).finish()
)
const memberField = firstField(Observations.encode(some).finish())

/**
 * Counts observations before anything is decoded: an empty observation has two bytes, and half a million of them
 * would be hundreds of megabytes when decoded. @throws for too many; gRPC then ends only that stream
 */
function mustBeFew(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes)
  let members = 0
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field !== batchField || type !== WireType.LengthDelimited) {
      reader.skip(type, field)
      continue
    }
    const end = reader.uint32() + reader.pos
    while (reader.pos < end) {
      const [inner, kind] = reader.tag()
      if (inner === memberField) members += 1
      if (members > observationsAtOnce)
        throw new Error(`more than ${observationsAtOnce} observations in one message`)
      reader.skip(kind, inner)
    }
  }
}

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
      mustBeFew(bytes)
      const message = SatelliteMessage.decode(bytes)
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
