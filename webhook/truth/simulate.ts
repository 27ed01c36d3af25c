import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from '../../src/api/seccomp-profile.js'
import { type Abi, abis } from '../../src/seccomp/abi.js'
import { conditionHolds } from '../../src/seccomp/argument-rules.js'
import { letsThrough } from '../../src/seccomp/filter-answers.js'
import { rulesOf } from '../../src/seccomp/normal-form.js'
import { syscallName, syscallNumber } from '../../src/seccomp/syscall-table.js'
import { verdictsOf } from '../../src/seccomp/verdict.js'
import type { LearnedArgument } from '../../src/api/evidence-schema.js'
import { type FleetSets, rowWords } from '../hub/used-sets.js'

/** What is tried on what containers did: a profile, or calls taken out. */
export interface Trial {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** The machines' own ABI. */
  native: Abi
}

export interface WouldBeRefused {
  abi: Abi
  syscall: string
  /** `arg0=38`; empty where the number alone decides. */
  argument: string
  /** Calls of that number so far; with an argument at most so many had it. */
  count: number
  /** False: its arguments decide, and they are not known well enough. */
  certain: boolean
}

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
 * refused. Containers that nothing would happen to are not told of.
 * @param wanted whether a container is asked about.
 */
export function simulate(
  sets: FleetSets,
  trial: Trial,
  wanted: (id: string) => boolean,
  onHit: (id: string, row: number, refused: WouldBeRefused[]) => void
): { considered: number } {
  const plan = planOf(trial)
  const ids = sets.ids()
  const rows = Object.fromEntries(abis.map((abi) => [abi, sets.rows(abi)])) as Record<
    Abi,
    Uint32Array
  >
  /** Containers of one workload share their arguments: judged once. */
  const judged = new Map<string, Map<readonly LearnedArgument[], Judgement | undefined>>()

  function judge(abi: Abi, name: string, learned: readonly LearnedArgument[]) {
    const key = `${abi} ${name}`
    const known = judged.get(key) ?? new Map<readonly LearnedArgument[], Judgement | undefined>()
    judged.set(key, known)
    if (!known.has(learned)) known.set(learned, plan.judges.get(key)?.(learned))
    return known.get(learned)
  }

  function detailsOf(row: number): WouldBeRefused[] {
    const found: WouldBeRefused[] = []
    for (const { abi, at } of plan.words) {
      const used = rows[abi][row * rowWords + at] ?? 0
      const refused = used & (plan.refused[abi][at] ?? 0)
      const maybe = used & (plan.conditional[abi][at] ?? 0) & ~refused
      for (let bit = 0; (refused | maybe) !== 0 && bit < 32; bit += 1) {
        const mask = 1 << bit
        if (((refused | maybe) & mask) === 0) continue
        const nr = at * 32 + bit
        const syscall = syscallName(abi, nr)
        const verdict =
          (refused & mask) !== 0
            ? { argument: '', certain: true }
            : judge(abi, syscall, sets.argumentsOf(row))
        if (verdict === undefined) continue
        found.push({ abi, syscall, ...verdict, count: sets.countOf(row, abi, nr) })
      }
    }
    return found
  }

  let considered = 0
  for (let row = 0; row < ids.length; row += 1) {
    const id = ids[row] ?? ''
    if (id === '' || !wanted(id)) continue
    considered += 1
    let hit = 0
    for (const { abi, at } of plan.words) {
      const mask = (plan.refused[abi][at] ?? 0) | (plan.conditional[abi][at] ?? 0)
      hit |= (rows[abi][row * rowWords + at] ?? 0) & mask
    }
    if (hit === 0) continue
    const refused = detailsOf(row)
    if (refused.length > 0) onHit(id, row, refused)
  }
  return { considered }
}
