import type { LinuxSeccomp, SeccompArg } from '../../api/seccomp-profile.js'
import { type Abi, scmpArchOf } from '../../syscalls/abi.js'
import {
  alternativesOf,
  answerOf,
  describeAnswer,
  expectedAnswer,
  isNarrow,
  lowerHalves,
  lowerHalf
} from './call-answer.js'
import { type FilterAnswer, archOf, dataWords, type Filter, readAnswer, runFilter } from './cbpf.js'
import type { NormalRule } from '../policy/normal-form.js'
import { builtRulesByName } from './built-rules.js'
import { syscallName, syscallNumber } from '../../syscalls/syscall-table.js'

/** One call that a filter answers in another way than the profile states. */
interface FilterDifference {
  abi: Abi
  syscall: string
  /** Arguments as hexadecimal numbers; empty: whatever they are. */
  args: string[]
  expected: string
  found: string
}

interface FilterComparison {
  same: boolean
  /** Calls that were tried. */
  asked: number
  /** At most sixteen. */
  differences: FilterDifference[]
}

interface CompareOptions {
  /** The machine's own ABI first, as abisOfMachine gives them. */
  abis: readonly Abi[]
  /** Names that the runtime's libseccomp does not know; undefined: not known which. */
  skipped?: ReadonlySet<string>
}

const ENOSYS = 38
const mostDifferences = 16
/** Numbers beyond the tables are tried up to here. */
const mostNumbers = 600
const whole = (1n << 64n) - 1n
/** What a libseccomp in use may not know begins about here (2.5 ends at 451, for some ABIs earlier). */
const firstOfNew = 425

/** Multiplexers of i386: libseccomp makes conditions on their first argument out of other names' rules. */
const muxed = new Set(['socketcall', 'ipc'])

/** A value for which a condition holds, and some for which it does not (one with the upper half set). */
function samplesOf({ op, value, valueTwo = 0 }: SeccompArg): { yes: bigint; no: bigint[] } {
  const v = BigInt(value)
  const above = (v + 1n) & whole
  const below = v === 0n ? v : v - 1n
  switch (op) {
    case 'SCMP_CMP_EQ':
      return { yes: v, no: [v ^ 1n, v | (1n << 32n), v ^ (1n << 63n)] }
    case 'SCMP_CMP_NE':
      return { yes: above, no: [v] }
    case 'SCMP_CMP_LT':
      return { yes: below, no: [v, above, v | (1n << 40n)] }
    case 'SCMP_CMP_LE':
      return { yes: v, no: [above, v | (1n << 40n)] }
    case 'SCMP_CMP_GE':
      return { yes: v, no: [below] }
    case 'SCMP_CMP_GT':
      return { yes: above, no: [v, below] }
    case 'SCMP_CMP_MASKED_EQ': {
      const bits = [...Array(64).keys()].map(BigInt).filter((bit) => (v >> bit) & 1n)
      return { yes: BigInt(valueTwo), no: bits.map((bit) => BigInt(valueTwo) ^ (1n << bit)) }
    }
  }
}

/** Argument vectors that together try every condition of a name's rules, held and broken. */
function vectorsOf(rules: readonly NormalRule[]): bigint[][] {
  const found = new Map<string, bigint[]>()
  const add = (vector: bigint[]) => found.set(vector.join(), vector)
  add(Array<bigint>(6).fill(0n))
  add(Array<bigint>(6).fill(whole))
  for (const args of rules.flatMap(alternativesOf)) {
    const good = Array<bigint>(6).fill(0n)
    for (const arg of args) good[arg.index] = samplesOf(arg).yes
    add(good)
    for (const arg of args) {
      for (const value of samplesOf(arg).no) {
        const broken = [...good]
        broken[arg.index] = value
        add(broken)
      }
    }
  }
  return [...found.values()]
}

const killed: FilterAnswer = { action: 'SCMP_ACT_KILL_THREAD', errno: 0 }

/**
 * Whether this filter is what a runtime builds from the profile. Tries every number of every ABI of the
 * machine, and with every argument condition held and broken. A runtime's own ENOSYS for numbers above
 * the highest one that the profile names counts as the same (runc), and what its libseccomp does not
 * know counts as not named. Pure.
 */
export function compareFilter(
  filter: Filter,
  seccomp: LinuxSeccomp,
  { abis, skipped }: CompareOptions
): FilterComparison {
  const byName = builtRulesByName(seccomp)
  for (const name of skipped ?? []) byName.delete(name)
  const fallback = answerOf(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const denies = fallback.action !== 'SCMP_ACT_ALLOW' && fallback.action !== 'SCMP_ACT_LOG'
  const listed = new Set<string>(seccomp.architectures ?? [])
  const comparison: FilterComparison = { same: true, asked: 0, differences: [] }
  for (const [at, abi] of abis.entries()) {
    const isListed = at === 0 || listed.has(scmpArchOf[abi])
    const numbers = [...byName.keys()].map((name) => syscallNumber(abi, name) ?? -1)
    const highest = Math.max(-1, ...numbers)
    const { arch, bit } = archOf[abi]
    const narrow = isNarrow(abi)
    for (let nr = 0; nr < mostNumbers; nr += 1) {
      const name = syscallName(abi, nr)
      if (abi === 'i386' && muxed.has(name)) continue
      const named = byName.get(name) ?? []
      const rules = narrow ? lowerHalves(named) : named
      const vectors = isListed && rules.length > 0 ? vectorsOf(rules) : [[]]
      for (const full of vectors) {
        const vector = narrow ? full.map(lowerHalf) : full
        const expected = isListed ? expectedAnswer(rules, fallback, vector) : killed
        if (expected === undefined) continue
        comparison.asked += 1
        const found = readAnswer(runFilter(filter, dataWords({ nr: nr | bit, arch, args: vector })))
        if (found.action === expected.action && found.errno === expected.errno) continue
        const isEnosys = found.action === 'SCMP_ACT_ERRNO' && found.errno === ENOSYS
        if (isEnosys && denies && (!isListed || nr > highest)) continue
        // Newer than the runtime's libseccomp, for this ABI at least: it made no rule of the name.
        if (nr >= firstOfNew && (isEnosys || describeAnswer(found) === describeAnswer(fallback)))
          continue
        comparison.same = false
        if (comparison.differences.length >= mostDifferences) return comparison
        comparison.differences.push({
          ...{ abi, syscall: name },
          args: vector.map((value) => `0x${value.toString(16)}`),
          ...{ expected: describeAnswer(expected), found: describeAnswer(found) }
        })
      }
    }
  }
  return comparison
}

/** Returns the names of the machine's own ABI that a filter allows (or logs) when every argument is 0. */
export function allowedNames(filter: Filter, abi: Abi): string[] {
  const { arch, bit } = archOf[abi]
  const names: string[] = []
  for (let nr = 0; nr < mostNumbers; nr += 1) {
    const name = syscallName(abi, nr)
    if (name.startsWith('syscall_')) continue
    const { action } = readAnswer(runFilter(filter, dataWords({ nr: nr | bit, arch })))
    if (action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG') names.push(name)
  }
  return names.sort()
}
