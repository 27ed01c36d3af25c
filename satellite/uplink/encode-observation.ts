import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { AbiCounts, Observation, SyscallCount } from '../../src/api/gen/hub.js'

/** Its memory is used again (`finish()` copies what was written), where that is not much. */
let writer = new BinaryWriter()
const keptBytes = 64 << 10

/** Names and ABIs come from the tables; names of numbers that no table knows are not kept without end. */
const mostKept = 4096

/** Bytes of what comes again and again, made once. */
function encodedOnce(make: (text: string) => Uint8Array): (text: string) => Uint8Array {
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
/** What the generated code writes of a name, all but its count; and of an ABI, all but its calls. */
const nameBytes = encodedOnce((name) => SyscallCount.encode({ name, count: 0, ...plain }).finish())
const abiBytes = encodedOnce((abi) => AbiCounts.encode({ abi, syscalls: [] }).finish())

/** A field's first byte, as the generated code writes it. */
const firstOf = (bytes: Uint8Array): number => bytes[0] ?? 0
const countTag = firstOf(SyscallCount.encode({ name: '', count: 1, ...plain }).finish())
const callTag = firstOf(
  AbiCounts.encode({ abi: '', syscalls: [{ name: '', count: 1, ...plain }] }).finish()
)
const nobody = Observation.fromPartial({})
const abisTag = firstOf(
  Observation.encode({ ...nobody, abis: [{ abi: 'x', syscalls: [] }] }).finish()
)

/** Counts up to this: a varint of at most five bytes. And calls whose size is a byte. */
const largestCount = 0xffffffff
const largestCall = 0x7f
const isUsual = (count: number): boolean =>
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
 * Calls with nothing but a name and a count: most of what is encoded, and the generated code takes a microsecond for
 * each. @returns undefined where one has more, or is larger than is usual.
 */
function encodeCounts({ abi, syscalls }: AbiCounts): Uint8Array | undefined {
  const first = abiBytes(abi)
  const room = first.length + syscalls.length * (largestCall + 2)
  if (room > scratch.length) scratch = new Uint8Array(2 * room)
  scratch.set(first, 0)
  let at = first.length
  // By number: an iterator makes an object for each in code that is not worth optimising.
  for (let nth = 0; nth < syscalls.length; nth += 1) {
    const one = syscalls[nth]
    if (one === undefined) continue
    const { name, count, action, detail } = one
    if (action !== '' || detail !== undefined || !isUsual(count)) return undefined
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
 * The message's bytes, of its own memory: `bytes()` copies what is in `scratch` at once. Fields may come in any order
 * (protobuf's wire format).
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
