import {
  aluAnd,
  aluClass,
  archOf,
  classOf,
  type Filter,
  isTaken,
  jumpClass,
  jumpKind,
  kindOf,
  op,
  usesIndex
} from './cbpf.js'
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

/** Also what cbpf.ts throws, for instructions that no kernel accepts. */
class Undecided extends RangeError {}

type Branch = { taken: boolean; words: readonly WordFacts[] }

/** Returns the facts of a word where a comparison of it holds, and where it does not. */
function splitOf(
  kind: number,
  facts: WordFacts,
  mask: number,
  k: number
): [WordFacts | undefined, WordFacts | undefined] {
  if (kind === jumpKind.equal) return [withEqual(facts, mask, k), withOther(facts, mask, k)]
  if (kind === jumpKind.anyBit) {
    const tested = (mask & k) >>> 0
    return [withOther(facts, tested, 0), withEqual(facts, tested, 0)]
  }
  if (mask !== all) throw new Undecided('a comparison of some bits')
  const from = kind === jumpKind.greater ? k + 1 : k
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
  if (typeof k !== 'number' || typeof a === 'number') {
    throw new Undecided('a comparison of two words')
  }
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
  if (kind === aluAnd) {
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
      Object.assign(state, { second: true, at: 0, a: 0, x: 0, memory: [] })
      return true
    }
    if (isDenial(answer)) this.#add(state.words)
    return false
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

  /** Follows one branch, and keeps the other one for later. Returns false if there is none that a call can take. */
  #jump(state: State, { jt, jf }: Filter, code: number, k: number): boolean {
    const operand = usesIndex(code) ? state.x : k
    const kind = kindOf(code)
    const targetOf = (taken: boolean): number =>
      state.at + 1 + ((taken ? jt[state.at] : jf[state.at]) ?? 0)
    const known = knownValue(state.a, state.words)
    // Most jumps compare the number, which is known in the second filter.
    if (known !== undefined && typeof operand === 'number') {
      state.at = targetOf(isTaken(kind, known, operand))
      return true
    }
    const [first, second] = branchesOf(kind, state.a, operand, state.words).map(
      ({ taken, words }) => ({ at: targetOf(taken), words })
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
  const walk = new FilterWalk(inner, outer)
  try {
    return { calls: walk.run(arch) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { calls: [], undecided: error.message }
  }
}
