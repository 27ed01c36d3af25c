import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { conditionHolds } from '../../../src/seccomp/arguments/argument-rules.js'
import { letsThrough } from '../../../src/seccomp/filter/filter-answers.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { syscallName, syscallNumber } from '../../../src/syscalls/syscall-table.js'
import { verdictsOf } from '../../../src/seccomp/filter/verdict.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { type FleetSets, rowWords } from '../../hub/nodes/used-sets.js'

/** What is tried on what containers did: a profile, or calls taken out. */
export interface Trial {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** The machines' own ABI. */
  native: Abi
}

/** The same for every container that used the same of the calls in question. */
export interface Refusal {
  abi: Abi
  nr: number
  syscall: string
  /** `arg0=38`; empty where the number alone decides. */
  argument: string
  /** False: its arguments decide, and they are not known well enough. */
  certain: boolean
}

/** What a container would be refused. */
export interface WouldBeRefused extends Omit<Refusal, 'nr'> {
  /** Calls of that number so far; with an argument at most so many had it. */
  count: number
}

/** Refusals that were worked out, with what they were worked out from. */
interface Worked {
  used: Uint32Array
  learned: readonly LearnedArgument[]
  refusals: readonly Refusal[]
}

/** Names by number, looked up once: a simulation asks for very many. */
const names = Object.fromEntries(
  abis.map((abi) => [abi, Array.from({ length: rowWords * 32 }, (_, nr) => syscallName(abi, nr))])
) as unknown as Record<Abi, readonly string[]>

const noArguments: readonly LearnedArgument[] = []

interface Judgement {
  argument: string
  certain: boolean
}

type Judge = (learned: readonly LearnedArgument[]) => Judgement | undefined

interface Plan {
  /** Bits whose calls are refused whatever their arguments are, and those that arguments decide. */
  refused: Record<Abi, Uint32Array>
  conditional: Record<Abi, Uint32Array>
  /** Words of a row that have a bit in either. */
  words: { abi: Abi; at: number }[]
  judges: Map<string, Judge>
}

const masks = (): Record<Abi, Uint32Array> =>
  Object.fromEntries(abis.map((abi) => [abi, new Uint32Array(rowWords)])) as Record<
    Abi,
    Uint32Array
  >

function setBit(words: Uint32Array, nr: number): void {
  words[nr >> 5] = ((words[nr >> 5] ?? 0) | (1 << (nr & 31))) >>> 0
}

const argumentText = (index: number, value: string): string => `arg${index}=${value}`

/** A call is refused when a value that it had is in none of what the profile lets through. */
function judgeByAlternatives(abi: Abi, name: string, alternatives: readonly SeccompArg[][]): Judge {
  return (learned) => {
    const own = learned.filter((one) => one.abi === abi && one.name === name)
    if (own.length === 0) return { argument: '?', certain: false }
    let open = false
    for (const { index, values, many } of own) {
      if (many === true) open = true
      const limits = alternatives.map((args) => args.filter((arg) => arg.index === index))
      const bad = values.find(
        (value) => !limits.some((args) => args.every((arg) => conditionHolds(arg, BigInt(value))))
      )
      if (bad !== undefined) return { argument: argumentText(index, bad), certain: true }
    }
    const decided = new Set(own.map(({ index }) => index))
    const unknown = alternatives.flat().some(({ index }) => !decided.has(index))
    return open || unknown ? { argument: '?', certain: false } : undefined
  }
}

/** A call is refused when values that it had meet every condition. */
function judgeByConditions(abi: Abi, name: string, args: readonly SeccompArg[]): Judge {
  return (learned) => {
    const texts: string[] = []
    let certain = args.length === 1
    for (const arg of args) {
      const own = learned.find(
        (one) => one.abi === abi && one.name === name && one.index === arg.index
      )
      if (own === undefined || own.many === true) {
        certain = false
        texts.push(argumentText(arg.index, '?'))
        continue
      }
      const hit = own.values.find((value) => conditionHolds(arg, BigInt(value)))
      if (hit === undefined) return undefined
      texts.push(argumentText(arg.index, hit))
    }
    return { argument: texts.join(' '), certain }
  }
}

/** Several reasons for one call: a certain one counts more. */
function either(left: Judge | undefined, right: Judge): Judge {
  if (left === undefined) return right
  return (learned) => {
    const [one, other] = [left(learned), right(learned)]
    return one?.certain === true ? one : (other ?? one)
  }
}

function planOf({ seccomp, deny = [], native }: Trial): Plan {
  const plan: Plan = { refused: masks(), conditional: masks(), words: [], judges: new Map() }
  const family: readonly Abi[] = native === 'aarch64' ? ['aarch64'] : ['x86_64', 'i386', 'x32']
  const conditional = (abi: Abi, nr: number, name: string, judge: Judge): void => {
    setBit(plan.conditional[abi], nr)
    plan.judges.set(`${abi} ${name}`, either(plan.judges.get(`${abi} ${name}`), judge))
  }
  if (seccomp !== undefined) {
    const verdicts = verdictsOf(seccomp, native)
    const rules = rulesOf(seccomp)
    for (const abi of family) {
      for (let nr = 0; nr < rowWords * 32; nr += 1) {
        const name = syscallName(abi, nr)
        const { kind } = verdicts(abi, name)
        if (kind === 'refused' || kind === 'logged') setBit(plan.refused[abi], nr)
        if (kind !== 'conditional') continue
        const alternatives = rules
          .filter((rule) => rule.name === name && letsThrough(rule.action))
          .map(({ args = [] }) => args)
        conditional(abi, nr, name, judgeByAlternatives(abi, name, alternatives))
      }
    }
  }
  for (const { names, args = [] } of deny) {
    for (const abi of family) {
      for (const name of names) {
        const nr = syscallNumber(abi, name)
        if (nr === undefined) continue
        if (args.length === 0) setBit(plan.refused[abi], nr)
        else conditional(abi, nr, name, judgeByConditions(abi, name, args))
      }
    }
  }
  for (const abi of family) {
    for (let at = 0; at < rowWords; at += 1) {
      if (((plan.refused[abi][at] ?? 0) | (plan.conditional[abi][at] ?? 0)) !== 0) {
        plan.words.push({ abi, at })
      }
    }
  }
  return plan
}

/**
 * Walks over the sets of running containers and tells for each which of the calls that it made would be
 * refused; `countOf` of the sets has how often. Containers that nothing would happen to are not told of.
 * @param wanted whether a container is asked about.
 */
export function simulate(
  sets: FleetSets,
  trial: Trial,
  wanted: (id: string) => boolean,
  onHit: (id: string, row: number, refused: readonly Refusal[]) => void
): { considered: number } {
  const plan = planOf(trial)
  const ids = sets.ids()
  const words = plan.words.map(({ abi, at }) => {
    const refused = plan.refused[abi][at] ?? 0
    const conditional = (plan.conditional[abi][at] ?? 0) & ~refused
    return { abi, at, rows: sets.rows(abi), refused, conditional, mask: refused | conditional }
  })
  const hasConditions = words.some(({ conditional }) => conditional !== 0)

  function refusalsOf(used: Uint32Array, learned: readonly LearnedArgument[]): Refusal[] {
    return words.flatMap(({ abi, at, refused }, index) => {
      const found: Refusal[] = []
      // The lowest bit that is left, again and again: most words have none or few.
      for (let left = used[index] ?? 0; left !== 0; left &= left - 1) {
        const bit = 31 - Math.clz32(left & -left)
        const nr = at * 32 + bit
        const syscall = names[abi][nr] ?? ''
        const isRefused = ((refused >>> bit) & 1) === 1
        const verdict = isRefused
          ? { argument: '', certain: true }
          : plan.judges.get(`${abi} ${syscall}`)?.(learned)
        if (verdict !== undefined) found.push({ abi, nr, syscall, ...verdict })
      }
      return found
    })
  }

  /** Containers differ in calls that nobody asks about: what counts is worked out once. */
  const worked = new Map<number, Worked[]>()
  const scratch = new Uint32Array(words.length)

  function workedOut(hash: number, learned: readonly LearnedArgument[]): readonly Refusal[] {
    const alike = worked.get(hash) ?? []
    if (alike.length === 0) worked.set(hash, alike)
    for (const one of alike) {
      if (one.learned !== learned) continue
      let index = 0
      while (index < scratch.length && one.used[index] === scratch[index]) index += 1
      if (index === scratch.length) return one.refusals
    }
    const refusals = refusalsOf(scratch, learned)
    alike.push({ used: scratch.slice(), learned, refusals })
    return refusals
  }

  let considered = 0
  for (let row = 0; row < ids.length; row += 1) {
    const id = ids[row] ?? ''
    if (id === '' || !wanted(id)) continue
    considered += 1
    let hit = 0
    let hash = 0
    const first = row * rowWords
    // By number: an iterator would make an object for each word of each container.
    for (let index = 0; index < words.length; index += 1) {
      const word = words[index]
      if (word === undefined) continue
      const used = (word.rows[first + word.at] ?? 0) & word.mask
      scratch[index] = used
      hit |= used
      hash = Math.imul(hash ^ used, 0x01000193) ^ (hash >>> 15)
    }
    if (hit === 0) continue
    const refused = workedOut(hash, hasConditions ? sets.argumentsOf(row) : noArguments)
    if (refused.length > 0) onHit(id, row, refused)
  }
  return { considered }
}
