import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { HubService, SatelliteMessage } from '../../src/api/gen/hub.js'

/** The content of a message to the hub. */
export type Body = NonNullable<SatelliteMessage['body']>

/** Field numbers of SatelliteMessage and Observations (hub.proto) as tags of length-delimited fields. */
const observationTag = (2 << 3) | 2
const observationsTag = (9 << 3) | 2
const memberTag = (1 << 3) | 2

export const encodeBody = (body: Body): Uint8Array => SatelliteMessage.encode({ body }).finish()

/** Makes one message of encoded observations; a single one in the form that every hub version understands. */
export function encodeObservations(encoded: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter()
  const [only] = encoded
  if (encoded.length === 1 && only !== undefined) {
    return writer.uint32(observationTag).bytes(only).finish()
  }
  writer.uint32(observationsTag).fork()
  for (const one of encoded) writer.uint32(memberTag).bytes(one)
  return writer.join().finish()
}

/** The method Connect, with messages that are encoded already. */
export const connectMethod = {
  path: HubService.connect.path,
  serialize: (message: Uint8Array): Buffer =>
    Buffer.from(message.buffer, message.byteOffset, message.byteLength),
  deserialize: HubService.connect.responseDeserialize
}
