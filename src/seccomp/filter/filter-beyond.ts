import { archOf, type Filter } from './cbpf.js'
import {
  anyWord,
  exactly,
  isKnown,
  valueOf,
  type WordFacts,
  within,
  withEqual,
  withOther
} from './word-facts.js'

/**
 * Compares two compiled filters over every call that there is: all numbers, all values of all arguments. It walks each
 * path through the first filter that ends in "allow" on through the second one, with what the jumps of the path say
 * about the words of seccomp_data. No rule is read: what libseccomp made of the rules counts.
 */

/** A call that the one filter allows and the other one does not. */
export interface CallBeyond {
  /** With the bit of x32. */
  nr: number
  args: bigint[]
  instructionPointer: bigint
}

export interface BeyondReport {
  /** At most one call for each syscall number. */
  calls: CallBeyond[]
  /** Why the comparison is incomplete; undefined: there are no other calls. */
  undecided?: string
}

/** What the accumulator, the index register or a memory cell holds: a number, or bits of a word of seccomp_data. */
type Value = number | { readonly word: number; readonly mask: number }

interface State {
  /** The second filter, after the first one allowed. */
  second: boolean
  at: number
  a: Value
  x: Value
  memory: readonly Value[]
  words: readonly WordFacts[]
}

const all = 0xffffffff
const wordCount = 16
const i386 = archOf.i386.arch
/** A filter of RuntimeDefault's size takes about 400,000 steps. */
const mostSteps = 20_000_000

/** SECCOMP_RET_* that end in a denial whatever else runs: kill, trap, errno. A tracer or a listener may allow the call. */
function isDenial(answer: number): boolean {
  const action = (answer & 0xffff0000) >>> 0
  return action === 0x80000000 || action < 0x7fc00000
}

class Undecided extends Error {}

type Branch = { taken: boolean; words: readonly WordFacts[] }

function jumpOf(kind: number, left: number, right: number): boolean {
  if (kind === 0x10) return left === right
  if (kind === 0x20) return left > right
  if (kind === 0x30) return left >= right
  if (kind === 0x40) return (left & right) !== 0
  throw new Undecided(`jump 0x${kind.toString(16)}`)
}

/** Returns the facts of a word where a comparison of it holds, and where it does not. */
function splitOf(
  kind: number,
  facts: WordFacts,
  mask: number,
  k: number
): [WordFacts | undefined, WordFacts | undefined] {
  if (kind === 0x10) return [withEqual(facts, mask, k), withOther(facts, mask, k)]
  if (kind === 0x40) {
    const tested = (mask & k) >>> 0
    return [withOther(facts, tested, 0), withEqual(facts, tested, 0)]
  }
  if (mask !== all) throw new Undecided('a comparison of some bits')
  const from = kind === 0x20 ? k + 1 : k
  return [
    from > all ? undefined : within(facts, from, all),
    from === 0 ? undefined : within(facts, 0, from - 1)
  ]
}

function knownValue(value: Value, words: readonly WordFacts[]): number | undefined {
  if (typeof value === 'number') return value
  const facts = words[value.word] ?? anyWord
  return isKnown(facts, value.mask) ? (facts.bits & value.mask) >>> 0 : undefined
}

function branchesOf(kind: number, a: Value, k: Value, words: readonly WordFacts[]): Branch[] {
  if (typeof k !== 'number') throw new Undecided('a comparison of two words')
  if (typeof a === 'number') return [{ taken: jumpOf(kind, a, k), words }]
  const { word, mask } = a
  const facts = words[word] ?? anyWord
  const [held, broken] = splitOf(kind, facts, mask, k)
  return [held, broken].flatMap((changed, at): Branch[] => {
    if (changed === undefined) return []
    const value = valueOf(changed)
    if (value === 'unknown') throw new Undecided('too many conditions on one word')
    if (value === 'none') return []
    return [{ taken: at === 0, words: words.with(word, changed) }]
  })
}

function arithmetic(kind: number, a: Value, operand: Value): Value {
  if (typeof operand !== 'number') throw new Undecided('arithmetic of words')
  if (kind === 0x50) {
    if (typeof a === 'number') return (a & operand) >>> 0
    return { word: a.word, mask: (a.mask & operand) >>> 0 }
  }
  throw new Undecided(`arithmetic 0x${kind.toString(16)}`)
}

function loaded(offset: number): Value {
  if (offset % 4 !== 0 || offset >= 4 * wordCount) throw new Undecided(`load at ${offset}`)
  return { word: offset / 4, mask: all }
}

/** FilterWalk finds the calls of one architecture that `inner` allows and `outer` denies. */
class FilterWalk {
  readonly #filters: readonly [Filter, Filter]
  readonly #found = new Map<number, CallBeyond>()
  readonly #pending: State[] = []
  #steps = 0

  constructor(inner: Filter, outer: Filter) {
    this.#filters = [inner, outer]
  }

  run(arch: number): CallBeyond[] {
    const words = Array.from({ length: wordCount }, (_, at) =>
      // The kernel extends the registers of 32-bit programs with zeros (syscall_get_arguments).
      at === 1 ? exactly(arch) : arch === i386 && at > 4 && at % 2 === 1 ? exactly(0) : anyWord
    )
    this.#pending.push({ second: false, at: 0, a: 0, x: 0, memory: [], words })
    for (let state = this.#pending.pop(); state !== undefined; state = this.#pending.pop()) {
      this.#follow(state)
    }
    return [...this.#found.values()]
  }

  /** Follows one path to its end; other branches wait. */
  #follow(state: State): void {
    for (;;) {
      this.#steps += 1
      if (this.#steps > mostSteps) throw new Undecided('too many paths')
      const filter = this.#filters[state.second ? 1 : 0]
      const code = filter.code[state.at]
      if (code === undefined) throw new Undecided('the filter ends without an answer')
      const k = filter.k[state.at] ?? 0
      if (code === 0x06 || code === 0x16) {
        if (this.#isOver(state, code === 0x06 ? k : state.a)) return
        continue
      }
      if ((code & 0x07) === 0x05 && code !== 0x05) {
        const next = this.#jump(state, filter, code, k)
        if (next === undefined) return
        if (next !== state) Object.assign(state, next)
        continue
      }
      this.#step(state, code, k)
      state.at += 1
    }
  }

  /** Ends a path, or continues it in the second filter. */
  #isOver(state: State, answer: Value): boolean {
    if (typeof answer !== 'number') throw new Undecided('an answer that is no constant')
    if (!state.second) {
      if (isDenial(answer)) return true
      const [nr = anyWord] = state.words
      if (isKnown(nr, all) && this.#found.has(nr.bits)) return true
      Object.assign(state, { second: true, at: 0, a: 0, x: 0, memory: [] })
      return false
    }
    if (isDenial(answer)) this.#add(state.words)
    return true
  }

  #add(words: readonly WordFacts[]): void {
    const values = words.map((facts) => {
      const value = valueOf(facts)
      if (typeof value !== 'number') throw new Undecided('too many conditions on one word')
      return value
    })
    const pair = (at: number) => BigInt(values[at] ?? 0) | (BigInt(values[at + 1] ?? 0) << 32n)
    const nr = values[0] ?? 0
    this.#found.set(nr, {
      nr,
      args: [4, 6, 8, 10, 12, 14].map(pair),
      instructionPointer: pair(2)
    })
  }

  #jump(state: State, filter: Filter, code: number, k: number): Partial<State> | undefined {
    const operand = (code & 0x08) === 0 ? k : state.x
    const known = knownValue(state.a, state.words)
    // Most jumps compare the number, which is known in the second filter.
    if (known !== undefined && typeof operand === 'number') {
      const taken = jumpOf(code & 0xf0, known, operand)
      state.at += 1 + ((taken ? filter.jt[state.at] : filter.jf[state.at]) ?? 0)
      return state
    }
    const [first, second] = branchesOf(code & 0xf0, state.a, operand, state.words).map(
      ({ taken, words }) => ({
        at: state.at + 1 + ((taken ? filter.jt[state.at] : filter.jf[state.at]) ?? 0),
        words
      })
    )
    if (second !== undefined) this.#pending.push({ ...state, ...second })
    return first
  }

  #step(state: State, code: number, k: number): void {
    switch (code) {
      case 0x20:
        state.a = loaded(k)
        return
      case 0x00:
        state.a = k
        return
      case 0x01:
        state.x = k
        return
      case 0x60:
        state.a = state.memory[k] ?? 0
        return
      case 0x61:
        state.x = state.memory[k] ?? 0
        return
      case 0x02:
      case 0x03: {
        const memory = Array.from({ length: wordCount }, (_, at) => state.memory[at] ?? 0)
        memory[k] = code === 0x02 ? state.a : state.x
        state.memory = memory
        return
      }
      case 0x05:
        state.at += k
        return
      case 0x07:
        state.x = state.a
        return
      case 0x87:
        state.a = state.x
        return
      default:
    }
    if ((code & 0x07) !== 0x04) throw new Undecided(`instruction 0x${code.toString(16)}`)
    state.a = arithmetic(code & 0xf0, state.a, (code & 0x08) === 0 ? k : state.x)
  }
}

/**
 * Returns the calls of an architecture (AUDIT_ARCH_*) that `inner` allows, silently or logged, and `outer` denies. Pure
 * and complete; `undecided` for filters that libseccomp does not make.
 */
export function callsBeyond(inner: Filter, outer: Filter, arch: number): BeyondReport {
  const walk = new FilterWalk(inner, outer)
  try {
    return { calls: walk.run(arch) }
  } catch (error) {
    if (!(error instanceof Undecided)) throw error
    return { calls: [], undecided: error.message }
  }
}
