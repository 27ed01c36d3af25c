import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { conditionHolds } from '../../../src/seccomp/arguments/argument-rules.js'
import { isAllowAction } from '../../../src/seccomp/filter/filter-answers.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { syscallName, syscallNumber } from '../../../src/syscalls/syscall-table.js'
import { verdictsOf } from '../../../src/seccomp/filter/verdict.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { type FleetSets, rowWords } from '../../hub/nodes/used-sets.js'

/** Trial is what is simulated: a profile, or syscalls that are denied. */
interface Trial {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** The machines' own ABI. */
  native: Abi
}

/** SimulatedDenial is a syscall that would be denied. Containers that used the same syscalls share it. */
interface SimulatedDenial {
  abi: Abi
  nr: number
  syscall: string
  /** `arg0=38`; empty where the number alone decides. */
  argument: string
  /** False: its arguments decide, and they are not known well enough. */
  certain: boolean
}

/** WouldBeDenied is a syscall that a container would be denied. */
export interface WouldBeDenied extends Omit<SimulatedDenial, 'nr'> {
  /** Calls of that number so far; of a certain argument it is the upper limit. */
  count: number
}

/** Denials that were computed, with what they were computed from. */
interface Computed {
  used: Uint32Array
  learned: readonly LearnedArgument[]
  denials: readonly SimulatedDenial[]
}

/** Names by number, looked up once because a simulation needs very many. */
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

function planOf({ seccomp, deny = [], native }: Trial): Plan {
  const plan: Plan = { denied: masks(), conditional: masks(), words: [], judges: new Map() }
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
        if (kind === 'denied' || kind === 'logged') setBit(plan.denied[abi], nr)
        if (kind !== 'conditional') continue
        const alternatives = rules
          .filter((rule) => rule.name === name && isAllowAction(rule.action))
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

/**
 * Reads the sets of running containers and calls back with the syscalls of each that would be denied; `countsOf` of
 * the sets returns how often they were made. Containers without denials are left out.
 * @param wanted returns whether a container is simulated
 */
export function simulate(
  sets: FleetSets,
  trial: Trial,
  wanted: (id: string) => boolean,
  onHit: (id: string, row: number, denials: readonly SimulatedDenial[]) => void
): { considered: number } {
  const plan = planOf(trial)
  const ids = sets.ids()
  const words = plan.words.map(({ abi, at }) => {
    const denied = plan.denied[abi][at] ?? 0
    const conditional = (plan.conditional[abi][at] ?? 0) & ~denied
    return { abi, at, rows: sets.rows(abi), denied, conditional, mask: denied | conditional }
  })
  const hasConditions = words.some(({ conditional }) => conditional !== 0)

  function denialsOf(used: Uint32Array, learned: readonly LearnedArgument[]): SimulatedDenial[] {
    return words.flatMap(({ abi, at, denied }, index) => {
      const found: SimulatedDenial[] = []
      // Takes the lowest set bit each time: most words have none or few.
      for (let left = used[index] ?? 0; left !== 0; left &= left - 1) {
        const bit = 31 - Math.clz32(left & -left)
        const nr = at * 32 + bit
        const syscall = names[abi][nr] ?? ''
        const isDenied = ((denied >>> bit) & 1) === 1
        const verdict = isDenied
          ? { argument: '', certain: true }
          : plan.judges.get(`${abi} ${syscall}`)?.(learned)
        if (verdict !== undefined) found.push({ abi, nr, syscall, ...verdict })
      }
      return found
    })
  }

  /** Containers often differ only in other syscalls, so denials are computed once per set of simulated ones. */
  const computed = new Map<number, Computed[]>()
  const scratch = new Uint32Array(words.length)

  function cachedDenials(
    hash: number,
    learned: readonly LearnedArgument[]
  ): readonly SimulatedDenial[] {
    const alike = computed.get(hash) ?? []
    if (alike.length === 0) computed.set(hash, alike)
    for (const one of alike) {
      if (one.learned !== learned) continue
      let index = 0
      while (index < scratch.length && one.used[index] === scratch[index]) index += 1
      if (index === scratch.length) return one.denials
    }
    const denials = denialsOf(scratch, learned)
    alike.push({ used: scratch.slice(), learned, denials })
    return denials
  }

  let considered = 0
  for (let row = 0; row < ids.length; row += 1) {
    const id = ids[row] ?? ''
    if (id === '' || !wanted(id)) continue
    considered += 1
    let hit = 0
    let hash = 0
    const first = row * rowWords
    // A counting loop: an iterator would create an object for each word of each container.
    for (let index = 0; index < words.length; index += 1) {
      const word = words[index]
      if (word === undefined) continue
      const used = (word.rows[first + word.at] ?? 0) & word.mask
      scratch[index] = used
      hit |= used
      hash = Math.imul(hash ^ used, 0x01000193) ^ (hash >>> 15)
    }
    if (hit === 0) continue
    const denied = cachedDenials(hash, hasConditions ? sets.argumentsOf(row) : noArguments)
    if (denied.length > 0) onHit(id, row, denied)
  }
  return { considered }
}
