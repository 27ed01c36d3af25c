import type { UsedSet } from '../../../src/api/gen/hub.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'

/** Words of 32 bits in one row: 576 numbers hold every table (x32 ends below). */
export const rowWords = 18
const mostNumber = rowWords * 32

interface Facts {
  since: string
  complete: boolean
  /** The counts of the set bits in their order, by ABI. */
  counts: Partial<Record<Abi, Float64Array>>
  arguments: readonly LearnedArgument[]
}

const mostArguments = 512
const none: readonly LearnedArgument[] = []

/** Returns a function that gives one object for equal lists: containers of one workload have the same arguments. */
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

/** FleetSets holds the syscalls that the fleet's running containers used, in rows of bits that a simulation walks over. */
export class FleetSets {
  readonly #most: number
  #room = 1024
  readonly #rows: Record<Abi, Uint32Array>
  readonly #rowById = new Map<string, number>()
  readonly #ids: string[] = []
  readonly #facts: (Facts | undefined)[] = []
  readonly #free: number[] = []
  readonly #intern = createInterner()

  /** @param most containers at most; further ones are left out */
  constructor(most = 250_000) {
    this.#most = most
    this.#rows = Object.fromEntries(
      abis.map((abi) => [abi, new Uint32Array(this.#room * rowWords)])
    ) as Record<Abi, Uint32Array>
  }

  /** Sets the row of a container; `id` is its id in the inventory. */
  put(id: string, set: UsedSet): void {
    const row = this.#emptyRow(id)
    if (row === undefined) return
    const counts: Facts['counts'] = {}
    for (const { abi, bitmap, counts: given } of set.abis) {
      if (isAbi(abi)) counts[abi] = this.#setBits(row, abi, bitmap, given)
    }
    this.#facts[row] = {
      since: set.since.slice(0, 40),
      complete: set.complete,
      counts,
      arguments: this.#intern(argumentsOf(set))
    }
  }

  drop(id: string): void {
    const row = this.#rowById.get(id)
    if (row === undefined) return
    this.#clear(row)
    this.#rowById.delete(id)
    this.#ids[row] = ''
    this.#free.push(row)
  }

  has(id: string): boolean {
    return this.#rowById.has(id)
  }

  size(): number {
    return this.#rowById.size
  }

  /** Returns the bits of one ABI, row after row of `rowWords`; free rows are zero. */
  rows(abi: Abi): Uint32Array {
    return this.#rows[abi]
  }

  /** Returns the container ids by row; '' for a free row. */
  ids(): readonly string[] {
    return this.#ids
  }

  countOf(row: number, abi: Abi, nr: number): number {
    const counts = this.#facts[row]?.counts[abi]
    if (counts === undefined) return 0
    const bits = this.#rows[abi]
    let rank = 0
    for (let word = 0; word < nr >> 5; word += 1) {
      rank += bitsIn(bits[row * rowWords + word] ?? 0)
    }
    const last = bits[row * rowWords + (nr >> 5)] ?? 0
    rank += bitsIn(last & ((1 << (nr & 31)) - 1))
    return counts[rank] ?? 0
  }

  /** Writes the counts of several syscalls, sorted by ABI and then number, to `into`: one walk along the row. */
  countsOf(row: number, calls: readonly { abi: Abi; nr: number }[], into: Float64Array): void {
    const own = this.#facts[row]?.counts
    let abi: Abi | undefined
    let bits: Uint32Array = this.#rows.x86_64
    let counts: Float64Array | undefined
    let [word, rank] = [0, 0]
    const first = row * rowWords
    for (let at = 0; at < calls.length; at += 1) {
      const call = calls[at]
      if (call === undefined) continue
      if (call.abi !== abi) {
        abi = call.abi
        bits = this.#rows[abi]
        counts = own?.[abi]
        word = rank = 0
      }
      for (; word < call.nr >> 5; word += 1) rank += bitsIn(bits[first + word] ?? 0)
      const below = (bits[first + word] ?? 0) & ((1 << (call.nr & 31)) - 1)
      into[at] = counts?.[rank + bitsIn(below)] ?? 0
    }
  }

  sinceOf(row: number): string {
    return this.#facts[row]?.since ?? ''
  }

  /** Returns whether the container was recorded from its first instruction. */
  isComplete(row: number): boolean {
    return this.#facts[row]?.complete === true
  }

  argumentsOf(row: number): readonly LearnedArgument[] {
    return this.#facts[row]?.arguments ?? none
  }

  rowOf(id: string): number | undefined {
    return this.#rowById.get(id)
  }

  /** Returns a row without bits for the container; undefined when there is no room for another one. */
  #emptyRow(id: string): number | undefined {
    const known = this.#rowById.get(id)
    if (known !== undefined) {
      this.#clear(known)
      return known
    }
    if (this.#rowById.size >= this.#most) return undefined
    const row = this.#free.pop() ?? this.#ids.length
    if (row >= this.#room) this.#grow()
    this.#rowById.set(id, row)
    this.#ids[row] = id
    return row
  }

  /** Sets a row's bits of one ABI; returns the counts of the bits that are set. */
  #setBits(row: number, abi: Abi, bitmap: Uint8Array, counts: readonly number[]): Float64Array {
    const bits = this.#rows[abi]
    const kept: number[] = []
    let bit = 0
    for (let nr = 0; nr < Math.min(bitmap.length * 8, mostNumber); nr += 1) {
      if ((((bitmap[nr >> 3] ?? 0) >> (nr & 7)) & 1) === 0) continue
      const at = row * rowWords + (nr >> 5)
      bits[at] = ((bits[at] ?? 0) | (1 << (nr & 31))) >>> 0
      kept.push(counts[bit] ?? 1)
      bit += 1
    }
    return Float64Array.from(kept)
  }

  #grow(): void {
    this.#room *= 2
    for (const abi of abis) {
      const larger = new Uint32Array(this.#room * rowWords)
      larger.set(this.#rows[abi])
      this.#rows[abi] = larger
    }
  }

  #clear(row: number): void {
    for (const abi of abis) this.#rows[abi].fill(0, row * rowWords, (row + 1) * rowWords)
    this.#facts[row] = undefined
  }
}

/** Returns how many bits of a 32-bit word are set. */
export function bitsIn(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
