import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { conditionHolds } from '../../../src/seccomp/arguments/argument-rules.js'
import { isAllowAction } from '../../../src/seccomp/filter/filter-answers.js'
import { verdictsOf } from '../../../src/seccomp/filter/verdict.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { syscallName, syscallNumber } from '../../../src/syscalls/syscall-table.js'
import { rowWords } from '../../hub/nodes/used-sets.js'

/** Trial is what is simulated: a profile, or syscalls that are denied. */
export interface Trial {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** The machines' own ABI. */
  native: Abi
}

interface Judgement {
  argument: string
  certain: boolean
}

type Judge = (learned: readonly LearnedArgument[]) => Judgement | undefined

/** Plan says of each syscall whether it is denied, and of which ones the arguments decide. */
export interface Plan {
  /** Bits of syscalls that are denied with any arguments. */
  denied: Record<Abi, Uint32Array>
  /** Bits of syscalls whose arguments decide. */
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

/** A syscall is denied when one of its values is in no alternative that the profile allows. */
function judgeByAlternatives(abi: Abi, name: string, alternatives: readonly SeccompArg[][]): Judge {
  const asked = [...new Set(alternatives.flat().map(({ index }) => index))]
  return (learned) => {
    const own = learned.filter((one) => one.abi === abi && one.name === name)
    if (own.length === 0) return { argument: '?', certain: false }
    let open = false
    for (const { index, values, many } of own) {
      if (many === true) open = true
      const limits = alternatives.map((args) => args.filter((arg) => arg.index === index))
      const bad = values.find((value) => {
        const actual = BigInt(value)
        return !limits.some((args) => args.every((arg) => conditionHolds(arg, actual)))
      })
      if (bad !== undefined) return { argument: argumentText(index, bad), certain: true }
    }
    const decided = new Set(own.map(({ index }) => index))
    const unknown = asked.some((index) => !decided.has(index))
    return open || unknown ? { argument: '?', certain: false } : undefined
  }
}

/** A syscall is denied when its values meet every condition. */
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

/** Combines two reasons for one syscall: a certain reason takes precedence. */
function either(left: Judge | undefined, right: Judge): Judge {
  if (left === undefined) return right
  return (learned) => {
    const [one, other] = [left(learned), right(learned)]
    return one?.certain === true ? one : (other ?? one)
  }
}

/** Returns the conditions with which a profile allows each syscall. */
function alternativesByName(seccomp: LinuxSeccomp): Map<string, SeccompArg[][]> {
  const byName = new Map<string, SeccompArg[][]>()
  for (const { name, action, args = [] } of rulesOf(seccomp)) {
    if (!isAllowAction(action)) continue
    const known = byName.get(name)
    if (known === undefined) byName.set(name, [args])
    else known.push(args)
  }
  return byName
}

/** Returns the plan of a trial: the same for every container. */
export function planOf({ seccomp, deny = [], native }: Trial): Plan {
  const plan: Plan = { denied: masks(), conditional: masks(), words: [], judges: new Map() }
  const family: readonly Abi[] = native === 'aarch64' ? ['aarch64'] : ['x86_64', 'i386', 'x32']
  const conditional = (abi: Abi, nr: number, name: string, judge: Judge): void => {
    setBit(plan.conditional[abi], nr)
    plan.judges.set(`${abi} ${name}`, either(plan.judges.get(`${abi} ${name}`), judge))
  }
  if (seccomp !== undefined) {
    const verdicts = verdictsOf(seccomp, native)
    const allowed = alternativesByName(seccomp)
    for (const abi of family) {
      for (let nr = 0; nr < rowWords * 32; nr += 1) {
        const name = syscallName(abi, nr)
        const { kind } = verdicts(abi, name)
        if (kind === 'denied' || kind === 'logged') setBit(plan.denied[abi], nr)
        if (kind !== 'conditional') continue
        conditional(abi, nr, name, judgeByAlternatives(abi, name, allowed.get(name) ?? []))
      }
    }
  }
  for (const { names, args = [] } of deny) {
    for (const abi of family) {
      for (const name of names) {
        const nr = syscallNumber(abi, name)
        if (nr === undefined) continue
        if (args.length === 0) setBit(plan.denied[abi], nr)
        else conditional(abi, nr, name, judgeByConditions(abi, name, args))
      }
    }
  }
  for (const abi of family) {
    for (let at = 0; at < rowWords; at += 1) {
      if (((plan.denied[abi][at] ?? 0) | (plan.conditional[abi][at] ?? 0)) !== 0) {
        plan.words.push({ abi, at })
      }
    }
  }
  return plan
}

/** Returns the judgement of a plan about a syscall with these arguments; undefined: it would not be denied. */
export function verdictOf(
  plan: Plan,
  abi: Abi,
  name: string,
  learned: readonly LearnedArgument[]
): Judgement | undefined {
  const nr = syscallNumber(abi, name)
  if (nr === undefined) return undefined
  const isIn = (words: Uint32Array): boolean => (((words[nr >> 5] ?? 0) >>> (nr & 31)) & 1) === 1
  if (isIn(plan.denied[abi])) return { argument: '', certain: true }
  return isIn(plan.conditional[abi]) ? plan.judges.get(`${abi} ${name}`)?.(learned) : undefined
}
