import { type ServerInterceptor, ServerInterceptingCall, status } from '@grpc/grpc-js'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { HubService, Observations, SatelliteMessage } from '../../../src/api/gen/hub.js'

/** gRPC's limit for what a satellite sends: a full observation has some 60 KiB. */
export const largestMessage = 1024 * 1024

/** Observations that one message may bring. */
export const observationsAtOnce = 64

/** Number of the first field of an encoded message. */
const firstField = (bytes: Uint8Array): number => new BinaryReader(bytes).tag()[0]
const some = Observations.fromPartial({ observations: [{}] })
const batchField = firstField(
  SatelliteMessage.encode({ body: { $case: 'observations', value: some } }).finish()
)
const memberField = firstField(Observations.encode(some).finish())

/**
 * Counts before anything is decoded: an empty observation has two bytes, and half a million of them, decoded,
 * would be hundreds of megabytes. @throws for more than may come; gRPC ends that stream alone.
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
      mustBeFew(bytes)
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
      if (given.code === status.RESOURCE_EXHAUSTED && /larger than/.test(given.details)) {
        told(call.getPeer())
      }
      send(given)
    }
    return new ServerInterceptingCall(call)
  }
}
