import {
  aluClass,
  archOf,
  classOf,
  type Filter,
  isTaken,
  jumpClass,
  kindOf,
  op,
  usesIndex
} from './cbpf.js'
import {
  arithmetic,
  branchesOf,
  knownValue,
  loaded,
  Undecided,
  type Value,
  wordCount
} from './filter-branches.js'
import { all, anyWord, exactly, isKnown, valueOf, type WordFacts } from './word-facts.js'

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

interface State {
  /** The second filter, after the first one allowed. */
  second: boolean
  at: number
  a: Value
  x: Value
  memory: readonly Value[]
  words: readonly WordFacts[]
}

const i386 = archOf.i386.arch
/** A filter of RuntimeDefault's size takes about 400,000 steps. */
const mostSteps = 20_000_000

/** SECCOMP_RET_* that end in a denial whatever else runs: kill, trap, errno. A tracer or a listener may allow the call. */
function isDenial(answer: number): boolean {
  const action = (answer & 0xffff0000) >>> 0
  return action === 0x80000000 || action < 0x7fc00000
}

function targetOf({ jt, jf }: Filter, at: number, taken: boolean): number {
  return at + 1 + ((taken ? jt[at] : jf[at]) ?? 0)
}

/** What the second filter does with a number before it looks at anything else of a call: the same for each path. */
type Prefix = Pick<State, 'at' | 'a' | 'x' | 'memory'>

/** Prefixes by filter, architecture and number: a node compares each revision with the same RuntimeDefault. */
const prefixes = new WeakMap<Filter, Map<number, Map<number, Prefix>>>()
const mostPrefixes = 4096
const beginning: Prefix = { at: 0, a: 0, x: 0, memory: [] }

function prefixesOf(filter: Filter, arch: number): Map<number, Prefix> {
  const byArch = prefixes.get(filter) ?? new Map<number, Map<number, Prefix>>()
  prefixes.set(filter, byArch)
  const known = byArch.get(arch) ?? new Map<number, Prefix>()
  byArch.set(arch, known)
  return known
}

/** FilterWalk finds the calls of one architecture that `inner` allows and `outer` denies. */
class FilterWalk {
  readonly #filters: readonly [Filter, Filter]
  readonly #found = new Map<number, CallBeyond>()
  readonly #pending: State[] = []
  readonly #prefixes: Map<number, Prefix>
  #steps = 0

  constructor(inner: Filter, outer: Filter, arch: number) {
    this.#filters = [inner, outer]
    this.#prefixes = prefixesOf(outer, arch)
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
      if (code === op.returnK || code === op.returnA) {
        if (!this.#answer(state, code === op.returnK ? k : state.a)) return
      } else if (classOf(code) === jumpClass && code !== op.jump) {
        if (!this.#jump(state, filter, code, k)) return
      } else {
        this.#step(state, code, k)
        state.at += 1
      }
    }
  }

  /** Takes an answer at the end of a filter. Returns whether the path continues, in the second filter. */
  #answer(state: State, answer: Value): boolean {
    if (typeof answer !== 'number') throw new Undecided('an answer that is no constant')
    if (!state.second) {
      const [nr = anyWord] = state.words
      if (isDenial(answer) || (isKnown(nr, all) && this.#found.has(nr.bits))) return false
      Object.assign(state, { second: true, ...this.#secondFrom(state.words) })
      return true
    }
    if (isDenial(answer)) this.#add(state.words)
    return false
  }

  /** Returns where the second filter goes on with a path of the first one. */
  #secondFrom(words: readonly WordFacts[]): Prefix {
    const [nr = anyWord] = words
    if (!isKnown(nr, all)) return beginning
    const prefix = this.#prefixes.get(nr.bits) ?? this.#prefixOf(words)
    if (this.#prefixes.size < mostPrefixes) this.#prefixes.set(nr.bits, prefix)
    return prefix
  }

  #prefixOf(words: readonly WordFacts[]): Prefix {
    // Nothing but number and architecture counts: other words differ from path to path.
    const general = words.map((facts, at) => (at < 2 ? facts : anyWord))
    const state: State = { second: true, ...beginning, words: general }
    const [, filter] = this.#filters
    for (;;) {
      this.#steps += 1
      const code = filter.code[state.at]
      if (code === undefined || code === op.returnK || code === op.returnA) break
      const k = filter.k[state.at] ?? 0
      if (classOf(code) !== jumpClass || code === op.jump) {
        this.#step(state, code, k)
        state.at += 1
      } else if (!this.#jumpKnown(state, filter, code, k)) break
    }
    const { at, a, x, memory } = state
    return { at, a, x, memory }
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

  /** Follows a jump that compares what is known. Returns false for another one. */
  #jumpKnown(state: State, filter: Filter, code: number, k: number): boolean {
    const operand = usesIndex(code) ? state.x : k
    const known = knownValue(state.a, state.words)
    if (known === undefined || typeof operand !== 'number') return false
    state.at = targetOf(filter, state.at, isTaken(kindOf(code), known, operand))
    return true
  }

  /** Follows one branch, and keeps the other one for later. Returns false if there is none that a call can take. */
  #jump(state: State, filter: Filter, code: number, k: number): boolean {
    if (this.#jumpKnown(state, filter, code, k)) return true
    const operand = usesIndex(code) ? state.x : k
    const [first, second] = branchesOf(kindOf(code), state.a, operand, state.words).map(
      ({ taken, words }) => ({ at: targetOf(filter, state.at, taken), words })
    )
    if (second !== undefined) this.#pending.push({ ...state, ...second })
    if (first !== undefined) Object.assign(state, first)
    return first !== undefined
  }

  #step(state: State, code: number, k: number): void {
    switch (code) {
      case op.loadWord:
        state.a = loaded(k)
        return
      case op.loadImmediate:
        state.a = k
        return
      case op.indexImmediate:
        state.x = k
        return
      case op.loadMemory:
        state.a = state.memory[k] ?? 0
        return
      case op.indexMemory:
        state.x = state.memory[k] ?? 0
        return
      case op.store:
      case op.storeIndex: {
        const memory = Array.from({ length: wordCount }, (_, at) => state.memory[at] ?? 0)
        memory[k] = code === op.store ? state.a : state.x
        state.memory = memory
        return
      }
      case op.jump:
        state.at += k
        return
      case op.tax:
        state.x = state.a
        return
      case op.txa:
        state.a = state.x
        return
      default:
    }
    if (classOf(code) !== aluClass) throw new Undecided(`instruction 0x${code.toString(16)}`)
    state.a = arithmetic(kindOf(code), state.a, usesIndex(code) ? state.x : k)
  }
}

/**
 * Returns the calls of an architecture (AUDIT_ARCH_*) that `inner` allows, silently or logged, and `outer` denies. Pure
 * and complete; `undecided` for filters that libseccomp does not make.
 */
export function callsBeyond(inner: Filter, outer: Filter, arch: number): BeyondReport {
  const walk = new FilterWalk(inner, outer, arch)
  try {
    return { calls: walk.run(arch) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { calls: [], undecided: error.message }
  }
}
