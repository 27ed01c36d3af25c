import type { UsedSet } from '../../../src/api/gen/hub.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'

/** Words of 32 bits of one row: 576 numbers hold every table (x32 ends below). */
export const rowWords = 18
const mostNumber = rowWords * 32

/** The sets of the fleet's running containers, in rows of bits that a simulation walks over. */
export interface FleetSets {
  /** `id`: the container's in the inventory. */
  put(id: string, set: UsedSet): void
  drop(id: string): void
  has(id: string): boolean
  size(): number
  /** The bits of one ABI, row after row of `rowWords`; rows of freed places are zero. */
  rows(abi: Abi): Uint32Array
  /** Places in use, by row; '' where the place is free. */
  ids(): readonly string[]
  countOf(row: number, abi: Abi, nr: number): number
  /** Of several calls, by ABI and then number ascending, into `into`: one walk along the row. */
  countsOf(row: number, calls: readonly { abi: Abi; nr: number }[], into: Float64Array): void
  sinceOf(row: number): string
  /** Whether the container was recorded from its first instruction on. */
  isComplete(row: number): boolean
  argumentsOf(row: number): readonly LearnedArgument[]
  rowOf(id: string): number | undefined
}

interface Facts {
  since: string
  complete: boolean
  /** By ABI, the counts of the set bits in their order. */
  counts: Partial<Record<Abi, Float64Array>>
  arguments: readonly LearnedArgument[]
}

const mostArguments = 512
const none: readonly LearnedArgument[] = []

/** Equal lists are one object: containers of one workload have the same. */
function createInterner() {
  const known = new Map<string, readonly LearnedArgument[]>()
  return (list: LearnedArgument[]): readonly LearnedArgument[] => {
    if (list.length === 0) return none
    const text = JSON.stringify(list)
    const found = known.get(text) ?? list
    known.set(text, found)
    const [oldest] = known.keys()
    if (known.size > 4096 && oldest !== undefined) known.delete(oldest)
    return found
  }
}

function argumentsOf(set: UsedSet): LearnedArgument[] {
  return set.arguments.slice(0, mostArguments).flatMap((one): LearnedArgument[] => {
    const { abi, name, index } = one
    if (!isAbi(abi) || !isKnownSyscall(name) || index > 5) return []
    const values = one.values.filter((value) => /^\d{1,20}$/.test(value)).slice(0, 256)
    return [{ abi, name, index, values, ...(one.many ? { many: true } : {}) }]
  })
}

const isAbi = (text: string): text is Abi => (abis as readonly string[]).includes(text)

/** `most`: containers at most; a further one is left out. */
export function createFleetSets(most = 250_000): FleetSets {
  let room = 1024
  const rows = Object.fromEntries(
    abis.map((abi) => [abi, new Uint32Array(room * rowWords)])
  ) as Record<Abi, Uint32Array>
  const places = new Map<string, number>()
  const ids: string[] = []
  const facts: (Facts | undefined)[] = []
  const free: number[] = []
  const intern = createInterner()

  function grow(): void {
    room *= 2
    for (const abi of abis) {
      const larger = new Uint32Array(room * rowWords)
      larger.set(rows[abi])
      rows[abi] = larger
    }
  }

  function clear(row: number): void {
    for (const abi of abis) rows[abi].fill(0, row * rowWords, (row + 1) * rowWords)
    facts[row] = undefined
  }

  return {
    put(id, set) {
      let row = places.get(id)
      if (row === undefined) {
        if (places.size >= most) return
        row = free.pop() ?? ids.length
        if (row >= room) grow()
        places.set(id, row)
        ids[row] = id
      } else clear(row)
      const counts: Facts['counts'] = {}
      for (const { abi, bitmap, counts: given } of set.abis) {
        if (!isAbi(abi)) continue
        const kept: number[] = []
        let bit = 0
        for (let nr = 0; nr < Math.min(bitmap.length * 8, mostNumber); nr += 1) {
          if ((((bitmap[nr >> 3] ?? 0) >> (nr & 7)) & 1) === 0) continue
          const at = row * rowWords + (nr >> 5)
          rows[abi][at] = ((rows[abi][at] ?? 0) | (1 << (nr & 31))) >>> 0
          kept.push(given[bit] ?? 1)
          bit += 1
        }
        counts[abi] = Float64Array.from(kept)
      }
      facts[row] = {
        since: set.since.slice(0, 40),
        complete: set.complete,
        counts,
        arguments: intern(argumentsOf(set))
      }
    },
    drop(id) {
      const row = places.get(id)
      if (row === undefined) return
      clear(row)
      places.delete(id)
      ids[row] = ''
      free.push(row)
    },
    has: (id) => places.has(id),
    size: () => places.size,
    rows: (abi) => rows[abi],
    ids: () => ids,
    countOf(row, abi, nr) {
      const counts = facts[row]?.counts[abi]
      if (counts === undefined) return 0
      let rank = 0
      for (let word = 0; word < nr >> 5; word += 1) {
        rank += bitsIn(rows[abi][row * rowWords + word] ?? 0)
      }
      const last = rows[abi][row * rowWords + (nr >> 5)] ?? 0
      rank += bitsIn(last & ((1 << (nr & 31)) - 1))
      return counts[rank] ?? 0
    },
    countsOf(row, calls, into) {
      const own = facts[row]?.counts
      let abi: Abi | undefined
      let bits: Uint32Array = rows.x86_64
      let counts: Float64Array | undefined
      let [word, rank] = [0, 0]
      const first = row * rowWords
      for (let at = 0; at < calls.length; at += 1) {
        const call = calls[at]
        if (call === undefined) continue
        if (call.abi !== abi) {
          abi = call.abi
          bits = rows[abi]
          counts = own?.[abi]
          word = rank = 0
        }
        for (; word < call.nr >> 5; word += 1) rank += bitsIn(bits[first + word] ?? 0)
        const below = (bits[first + word] ?? 0) & ((1 << (call.nr & 31)) - 1)
        into[at] = counts?.[rank + bitsIn(below)] ?? 0
      }
    },
    sinceOf: (row) => facts[row]?.since ?? '',
    isComplete: (row) => facts[row]?.complete === true,
    argumentsOf: (row) => facts[row]?.arguments ?? none,
    rowOf: (id) => places.get(id)
  }
}

/** How many bits a word of 32 has. */
export function bitsIn(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
