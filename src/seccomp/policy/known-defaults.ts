import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import {
  addAnswer,
  answerOf,
  type Answers,
  atoms,
  type DefaultDifference,
  differenceOf,
  hasAnswer,
  machineOf,
  sizeOf,
  type Version,
  versions
} from './default-versions.js'

/** A profile of which more calls differ is not compared further: it is like no default. */
export const mostCompared = 24

const bits = new Map<string, number>()

function bitsOf(caps: readonly string[]): number {
  let found = 0
  for (const cap of caps) {
    const bit = bits.get(cap) ?? 1 << bits.size
    bits.set(cap, bit)
    found |= bit
  }
  return found
}

/** Of each atom, the capabilities that the container must have, and must not have, as bits. */
const needed = Uint32Array.from(atoms, ({ caps }) => bitsOf(caps))
const excluded = Uint32Array.from(atoms, ({ without }) => bitsOf(without))
if (bits.size > 31) throw new Error(`${bits.size} capabilities are more than a number has bits`)

/** Every name of any version, and of each atom the place of its name among them. */
const publishedNames = new Map<string, number>()
const nameAt = Int16Array.from(atoms, ({ name }) => {
  const at = publishedNames.get(name) ?? publishedNames.size
  publishedNames.set(name, at)
  return at
})

/** A profile, as it is compared with each version. */
interface Compared {
  answers: Answers
  byDefault: string
  /** By atom: whether it is of the machine, and whether the profile has its answer. */
  isHere: Uint8Array
  has: Uint8Array
  /** By published name: whether the profile has an answer of its own, and whether one that it lacks is a difference. */
  isNamed: Uint8Array
  counts: Uint8Array
  named: number
}

function comparedOf(answers: Answers, byDefault: string, machine: string): Compared {
  const names = [...publishedNames.keys()]
  return {
    answers,
    byDefault,
    isHere: Uint8Array.from(atoms, ({ on }) => ((on ?? machine) === machine ? 1 : 0)),
    has: Uint8Array.from(atoms, (atom) => (hasAnswer(answers, atom) ? 1 : 0)),
    isNamed: Uint8Array.from(names, (name) => (answers.has(name) ? 1 : 0)),
    // Runtimes and Secco leave out names that their tables do not have.
    counts: Uint8Array.from(names, (name) => (answers.has(name) || isKnownSyscall(name) ? 1 : 0)),
    named: answers.size
  }
}

/** Returns the atoms of a version that hold for a container with the capabilities that the profile was made for, as it shows. */
function expectedAtoms({ indexes }: Version, { isHere, has }: Compared): number[] {
  let asked = 0
  let lacking = 0
  for (const at of indexes) {
    const caps = needed[at] ?? 0
    asked |= caps
    const isOfOne = atoms[at]?.caps.length === 1
    if (isOfOne && isHere[at] === 1 && has[at] === 0) lacking |= caps
  }
  const held = asked & ~lacking
  return [...indexes].filter((at) => {
    const isHeld = ((needed[at] ?? 0) & ~held) === 0 && ((excluded[at] ?? 0) & held) === 0
    return isHere[at] === 1 && isHeld
  })
}

/**
 * Returns a number of calls that differ at least: names of which the profile lacks an answer, and names of the profile that
 * the version does not have. It is cheap, and most versions are not compared further.
 */
function leastDifferent(version: Version, expected: readonly number[], profile: Compared): number {
  const lacks = new Set<number>()
  const met = new Set<number>()
  for (const index of expected) {
    if (atoms[index]?.answer === version.byDefault) continue
    const name = nameAt[index] ?? 0
    if (profile.isNamed[name] === 1) met.add(name)
    if (profile.has[index] === 0 && profile.counts[name] === 1) lacks.add(name)
  }
  return lacks.size + profile.named - met.size
}

function answersOfAtoms({ byDefault }: Version, expected: readonly number[]): Answers {
  const found: Answers = new Map()
  for (const index of expected) {
    const atom = atoms[index]
    if (atom !== undefined) addAnswer(found, atom.name, atom.answer, byDefault)
  }
  return found
}

/**
 * Returns what a profile answers to each call. Where more than `mostCompared` of its calls are in no version, it is the
 * names of some of these instead.
 */
function answersIn(syscalls: LinuxSeccomp['syscalls'], byDefault: string): Answers | string[] {
  const answers: Answers = new Map()
  const strange = new Set<string>()
  for (const { names, ...rule } of syscalls ?? []) {
    const answer = answerOf(rule)
    if (answer === byDefault) continue
    for (const name of names) {
      addAnswer(answers, name, answer, byDefault)
      if (!publishedNames.has(name)) strange.add(name)
      if (strange.size > mostCompared) return [...strange]
    }
  }
  return answers
}

/**
 * Returns in what a profile differs from the published default that is nearest to it; in nothing where it is one. With more
 * than `mostCompared` calls that differ it says that, and may be about another default and name some of the calls only. Pure.
 */
export function differenceFromDefault(seccomp: LinuxSeccomp): DefaultDifference {
  const { defaultAction, defaultErrnoRet, syscalls } = seccomp
  const byDefault = answerOf({ action: defaultAction, errnoRet: defaultErrnoRet })
  const answers = answersIn(syscalls, byDefault)
  if (Array.isArray(answers))
    return { without: [], with: answers.sort(), otherwise: [], otherError: false }
  const profile = comparedOf(answers, byDefault, machineOf(seccomp))
  let best: DefaultDifference | undefined
  let nearest: { least: number; version: Version; expected: number[] } | undefined
  const compare = (version: Version, expected: readonly number[]): DefaultDifference =>
    differenceOf(answers, answersOfAtoms(version, expected), version.byDefault !== byDefault)
  for (const version of versions()) {
    const expected = expectedAtoms(version, profile)
    const least = leastDifferent(version, expected, profile)
    if (nearest === undefined || least < nearest.least) nearest = { least, version, expected }
    const leastSize = least + (version.byDefault === byDefault ? 0 : 0.5)
    if (least > mostCompared || (best !== undefined && leastSize >= sizeOf(best))) continue
    const one = compare(version, expected)
    if (best === undefined || sizeOf(one) < sizeOf(best)) best = one
    if (sizeOf(best) === 0) break
  }
  if (nearest === undefined) throw new Error('no default is known')
  best ??= compare(nearest.version, nearest.expected)
  for (const list of [best.without, best.with, best.otherwise]) list.sort()
  return best
}

/** Returns the number of calls that differ. */
export const callsThatDiffer = ({ without, with: more, otherwise }: DefaultDifference): number =>
  without.length + more.length + otherwise.length
