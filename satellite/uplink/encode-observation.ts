import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { AbiCounts, Observation, SyscallCount } from '../../src/api/gen/hub.js'

/** Reused while its memory is small: `finish()` copies what was written. */
let writer = new BinaryWriter()
const keptBytes = 64 << 10

/** Names and ABIs come from the tables; the bound is for names of numbers that are in no table. */
const mostKept = 4096

/** Remembers the bytes of texts that are encoded again and again. */
function cachedEncoding(make: (text: string) => Uint8Array): (text: string) => Uint8Array {
  const known = new Map<string, Uint8Array>()
  return (text) => {
    const bytes = known.get(text)
    if (bytes !== undefined) return bytes
    if (known.size >= mostKept) known.clear()
    const made = make(text)
    known.set(text, made)
    return made
  }
}

const plain = { action: '', detail: undefined }
/** What the generated code writes for a name without its count, and for an ABI without its calls. */
const nameBytes = cachedEncoding((name) =>
  SyscallCount.encode({ name, count: 0, ...plain }).finish()
)
const abiBytes = cachedEncoding((abi) => AbiCounts.encode({ abi, syscalls: [] }).finish())

/** The first byte of a field, as the generated code writes it. */
const firstOf = (bytes: Uint8Array): number => bytes[0] ?? 0
const countTag = firstOf(SyscallCount.encode({ name: '', count: 1, ...plain }).finish())
const callTag = firstOf(
  AbiCounts.encode({ abi: '', syscalls: [{ name: '', count: 1, ...plain }] }).finish()
)
const empty = Observation.fromPartial({})
const abisTag = firstOf(
  Observation.encode({ ...empty, abis: [{ abi: 'x', syscalls: [] }] }).finish()
)

/** Limits of the fast path: counts whose varint has at most five bytes, and calls whose size is one byte. */
const largestCount = 0xffffffff
const largestCall = 0x7f
const isSmall = (count: number): boolean =>
  Number.isInteger(count) && count >= 0 && count <= largestCount

let scratch = new Uint8Array(8 << 10)

function writeVarint(value: number, from: number): number {
  let at = from
  let rest = value
  while (rest > 0x7f) {
    scratch[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  scratch[at++] = rest
  return at
}

/**
 * Encodes calls that have only a name and a count. They are most of what is encoded, and the generated code takes a
 * microsecond for each. Returns undefined if a call has more, or exceeds the limits.
 */
function encodeCounts({ abi, syscalls }: AbiCounts): Uint8Array | undefined {
  const first = abiBytes(abi)
  const room = first.length + syscalls.length * (largestCall + 2)
  if (room > scratch.length) scratch = new Uint8Array(2 * room)
  scratch.set(first, 0)
  let at = first.length
  // By index: in code that V8 does not optimise, an iterator allocates an object for each element.
  for (let nth = 0; nth < syscalls.length; nth += 1) {
    const one = syscalls[nth]
    if (one === undefined) continue
    const { name, count, action, detail } = one
    if (action !== '' || detail !== undefined || !isSmall(count)) return undefined
    const bytes = nameBytes(name)
    if (bytes.length + 6 > largestCall) return undefined
    scratch[at] = callTag
    const begin = at + 2
    scratch.set(bytes, begin)
    at = begin + bytes.length
    if (count > 0) {
      scratch[at] = countTag
      at = writeVarint(count, at + 1)
    }
    scratch[begin - 1] = at - begin
  }
  return scratch.subarray(0, at)
}

/**
 * Encodes an observation into memory of its own: `bytes()` copies `scratch` at once. In protobuf's wire format the
 * fields may come in any order.
 */
export function encodeObservation(observation: Observation): Uint8Array {
  try {
    Observation.encode({ ...observation, abis: [] }, writer)
    for (const one of observation.abis) {
      const bytes = encodeCounts(one)
      writer.uint32(abisTag)
      if (bytes === undefined) AbiCounts.encode(one, writer.fork()).join()
      else writer.bytes(bytes)
    }
    const bytes = writer.finish()
    if (bytes.length > keptBytes) writer = new BinaryWriter()
    return bytes
  } catch (error) {
    writer = new BinaryWriter()
    throw error
  }
}
