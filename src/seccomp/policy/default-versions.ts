import type { LinuxSeccomp, SeccompAction, SeccompArg } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { normalConditions } from '../arguments/argument-rules.js'
import { defaultRules, defaultVersions } from './gen/known-defaults.js'

/** DefaultDifference is in what a profile differs from a published default. */
export interface DefaultDifference {
  /** Calls that only the default allows, only the profile allows, or that the two allow with other arguments. */
  without: string[]
  with: string[]
  otherwise: string[]
  /** Calls that neither names get another error. */
  otherError: boolean
}

/** Atom is one rule of the table for one name. */
export interface Atom {
  name: string
  answer: string
  /** Capabilities that the container must have, and must not have. */
  caps: readonly string[]
  without: readonly string[]
  /** The machine that it is for; absent: any. */
  on: string | undefined
  /** The place of its rule in the table. */
  rule: number
}

/** What rules say of each name, as texts that can be compared. */
export type Answers = Map<string, Set<string>>

interface PlainRule {
  action: SeccompAction
  errnoRet?: number | undefined
  args?: readonly SeccompArg[] | undefined
}

const allow = 'SCMP_ACT_ALLOW'
const errnoOf = (action: string, errnoRet: number | undefined): number =>
  action === 'SCMP_ACT_ERRNO' ? (errnoRet ?? 1) : 0

/** Returns an answer as a text that can be compared. */
export const answerOf = ({ action, errnoRet, args = [] }: PlainRule): string =>
  [
    ...[action, errnoOf(action, errnoRet)],
    ...(args.length === 0 ? [] : [canonicalJson(normalConditions([...args]))])
  ].join(' ')

const plainAllow = answerOf({ action: allow })
const isAllow = (answer: string): boolean => answer.startsWith(allow)

/** Adds an answer to a name, unless the profile gives it to every name. */
export function addAnswer(answers: Answers, name: string, answer: string, byDefault: string): void {
  if (answer === byDefault) return
  const known = answers.get(name)
  if (known === undefined) answers.set(name, new Set([answer]))
  // A call that is allowed with any arguments is so whatever else is allowed.
  else if (answer === plainAllow) {
    if (known.has(plainAllow)) return
    for (const one of known) if (isAllow(one)) known.delete(one)
    known.add(answer)
  } else if (!isAllow(answer) || !known.has(plainAllow)) known.add(answer)
}

/** Every rule of any version, name by name: versions have numbers of these. */
export const atoms: readonly Atom[] = defaultRules.flatMap(([text, names], rule) => {
  const one = JSON.parse(text) as PlainRule & { caps?: string[]; without?: string[]; on?: string }
  const { caps = [], without = [], on } = one
  const answer = answerOf(one)
  return names.split(' ').map((name): Atom => ({ name, answer, caps, without, on, rule }))
})

function* indexesOf(ranges: string): Generator<number> {
  for (const range of ranges.split(' ').filter((one) => one !== '')) {
    const [from = 0, to = from] = range.split('-').map(Number)
    for (let at = from; at <= to; at += 1) yield at
  }
}

/** Version is a published default. */
export interface Version {
  /** Of the atoms: as numbers, because a satellite keeps hundreds of versions. */
  indexes: Uint16Array
  byDefault: string
}

let known: readonly Version[] | undefined

/** Returns the published versions; they are built when they are asked for first. */
export function versions(): readonly Version[] {
  if (known !== undefined) return known
  let last = ''
  let own = new Set<number>()
  known = defaultVersions.map(({ runtime, errnoRet, added, removed }) => {
    own = new Set(runtime === last ? own : [])
    last = runtime
    for (const at of indexesOf(removed)) own.delete(at)
    for (const at of indexesOf(added)) own.add(at)
    const byDefault = answerOf({ action: 'SCMP_ACT_ERRNO', errnoRet })
    return { indexes: Uint16Array.from(own), byDefault }
  })
  return known
}

/** Returns whether a profile has the answer of an atom, or allows the call whatever its arguments are. */
export const hasAnswer = (
  answers: Answers,
  { name, answer }: Pick<Atom, 'name' | 'answer'>
): boolean => {
  const own = answers.get(name)
  return own?.has(answer) === true || (isAllow(answer) && own?.has(plainAllow) === true)
}

const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((one) => b.has(one))
function isAllowed(answers: ReadonlySet<string>): boolean {
  for (const one of answers) if (isAllow(one)) return true
  return false
}
const nothing: ReadonlySet<string> = new Set()

/** Returns in what the answers of a profile differ from those that are expected. */
export function differenceOf(
  actual: Answers,
  expected: Answers,
  otherError: boolean
): DefaultDifference {
  const difference: DefaultDifference = { without: [], with: [], otherwise: [], otherError }
  for (const name of new Set([...actual.keys(), ...expected.keys()])) {
    const [own = nothing, published = nothing] = [actual.get(name), expected.get(name)]
    if (isSame(own, published)) continue
    // Runtimes and Secco leave out names that their tables do not have.
    if (own.size === 0 && !isKnownSyscall(name)) continue
    const [has, had] = [isAllowed(own), isAllowed(published)]
    const list = has === had ? 'otherwise' : has ? 'with' : 'without'
    difference[list].push(name)
  }
  return difference
}

/** Returns the number of calls that differ; another error of all others is half of one. */
export const sizeOf = ({ without, with: more, otherwise, otherError }: DefaultDifference): number =>
  without.length + more.length + otherwise.length + (otherError ? 0.5 : 0)

export const machineOf = ({ architectures = [] }: LinuxSeccomp): string =>
  architectures.some((one) => one === 'SCMP_ARCH_AARCH64') ? 'aarch64' : 'x86_64'
