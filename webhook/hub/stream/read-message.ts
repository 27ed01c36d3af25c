import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Hello, Observation, Observations, SatelliteMessage } from '../../../src/api/gen/hub.js'

/** The most observations that one message may have. */
export const observationsAtOnce = 64
/** The longest report of a node about itself and its containers, in bytes. */
export const largestStatus = 128 * 1024

/** The most members that the observations of a message have together: each of a real one takes more than a dozen bytes. */
const mostMembers = 65_536
/** Fields of Observation that have lists (hub.proto): container, abis, denied, arguments, startup, serving, unproven. */
const listsOfObservation = new Set([3, 7, 8, 13, 14, 15, 19])

/** Returns the number of the first field of an encoded message. */
const firstField = (bytes: Uint8Array): number => new BinaryReader(bytes).tag()[0]
const fieldOf = (body: NonNullable<SatelliteMessage['body']>): number =>
  firstField(SatelliteMessage.encode({ body }).finish())

const batch = Observations.fromPartial({ observations: [{}] })
const batchField = fieldOf({ $case: 'observations', value: batch })
const memberField = firstField(Observations.encode(batch).finish())
const observationField = fieldOf({ $case: 'observation', value: Observation.fromPartial({}) })
const hello = Hello.fromPartial({ status: {} })
const helloField = fieldOf({ $case: 'hello', value: hello })
const statusField = firstField(Hello.encode(hello).finish())

/** Calls `found` for each member of an encoded message that has a length. */
function eachMember(
  bytes: Uint8Array,
  found: (field: number, content: Uint8Array, from: number, to: number) => void
): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const from = reader.pos
    const [field, type] = reader.tag()
    if (type === WireType.LengthDelimited) found(field, reader.bytes(), from, reader.pos)
    else reader.skip(type, field)
  }
}

/** Returns an encoded message in which `instead` replaces its long members. */
function withoutLong(
  bytes: Uint8Array,
  instead: (field: number, content: Uint8Array) => Uint8Array | undefined
): Uint8Array {
  const kept: Uint8Array[] = []
  let next = 0
  eachMember(bytes, (field, content, from, to) => {
    const other = content.length > largestStatus ? instead(field, content) : undefined
    if (other === undefined) return
    kept.push(bytes.subarray(next, from), other)
    next = to
  })
  return next === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(next)])
}

/** Counts the members of observations before they are decoded. @throws for too many */
class MemberCount {
  #observations = 0
  #members = 0

  batch(bytes: Uint8Array): void {
    eachMember(bytes, (field, content) => {
      if (field === memberField) this.observation(content)
    })
  }

  observation(bytes: Uint8Array): void {
    this.#observations += 1
    if (this.#observations > observationsAtOnce)
      throw new Error(`more than ${observationsAtOnce} observations in one message`)
    eachMember(bytes, (field, content) => {
      this.#add()
      if (listsOfObservation.has(field)) eachMember(content, () => this.#add())
    })
  }

  #add(): void {
    this.#members += 1
    if (this.#members > mostMembers)
      throw new Error(`more than ${mostMembers} members in one message`)
  }
}

const encoded = (field: number, content: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(content).finish()
const nothing = new Uint8Array()

/** Returns what replaces a long member of a message; undefined: it stays. */
function shortened(field: number, content: Uint8Array): Uint8Array | undefined {
  if (field === batchField || field === observationField) return undefined
  if (field !== helloField) return encoded(field, nothing)
  // The paths of the files that a node holds may be many.
  const rest = withoutLong(content, (inner) => (inner === statusField ? nothing : undefined))
  return encoded(field, rest)
}

/**
 * Decodes a message of a satellite. What is too long is left out before: an empty member of a list takes two bytes and
 * becomes an object, so that a megabyte of them would take hundreds of megabytes, and block the event loop. A report that
 * is too long becomes an empty one: the size of its message shows that it does not count.
 * @throws for too many observations, or parts of them; gRPC then ends only that stream
 */
export function readMessage(bytes: Buffer): SatelliteMessage {
  const count = new MemberCount()
  eachMember(bytes, (field, content) => {
    if (field === batchField) count.batch(content)
    if (field === observationField) count.observation(content)
  })
  return SatelliteMessage.decode(
    bytes.length > largestStatus ? withoutLong(bytes, shortened) : bytes
  )
}
