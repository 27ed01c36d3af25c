import { plural } from '../../src/lib/plural.js'
import { riskOf } from '../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../src/seccomp/policy/runtime-default.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { sizeOfSet, subtractSets, type SyscallSet } from '../../src/syscalls/syscall-set.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { type Doubt, keyOf, type LearnArgs, type LearnState } from './learn-state.js'

/** Exit codes in addition to 0, 1 and that of the test command. */
const learnExit = { notConfident: 3, newCalls: 4, notProven: 5 } as const

/** LearnVerdict is the outcome in one word, for scripts: the exit code of a test command can be any. */
export interface LearnVerdict {
  verdict: 'NothingNew' | 'Shown' | 'NewCalls' | 'NotConfident' | 'NotProven' | 'CommandFailed'
  /** Why, in a sentence. */
  reason: string
  /** The next step; '' for none. */
  next: string
  exitCode: number
}

interface Answer extends LearnVerdict {
  profile: string
  confident: boolean
  missing: { item: string; detail: string; next: string }[]
  /** Beyond the baseline. */
  new: { abi: Abi; name: string; risk: string; beyondRuntimeDefault: boolean }[]
  runs: number
  observed: SyscallSet
}

function newCalls(observed: SyscallSet, baseline: SyscallSet | undefined): Answer['new'] {
  if (baseline === undefined) return []
  const floor = runtimeDefaultNames()
  return (Object.entries(subtractSets(observed, baseline)) as [Abi, string[]][]).flatMap(
    ([abi, names]) =>
      names.map((name) => ({
        abi,
        name,
        risk: riskOf(name)?.level ?? 'none',
        beyondRuntimeDefault: !floor.has(name)
      }))
  )
}

/** Returns how the gate goes out. A call beyond the baseline counts, whatever else is not known. */
export function verdictOf(
  args: LearnArgs,
  { profile, missing }: LearnState,
  doubt: Doubt | undefined
): LearnVerdict {
  const key = keyOf(args.ref)
  const found = newCalls(profile?.status?.observed ?? {}, args.baseline?.set)
  if (found.length > 0) {
    return {
      verdict: 'NewCalls',
      reason: `${plural(found.length, 'syscall')} of ${key} ${found.length === 1 ? 'is' : 'are'} not in ${args.baseline?.path ?? ''}`,
      next: `review them: secco diff ${key}`,
      exitCode: learnExit.newCalls
    }
  }
  const [first] = missing
  if (args.untilConfident && first !== undefined) {
    return {
      verdict: 'NotConfident',
      reason: doubt?.reason ?? `${first.item}: ${first.detail}`,
      next: doubt?.next ?? first.next ?? '',
      exitCode: learnExit.notConfident
    }
  }
  if (doubt !== undefined) {
    const { reason, next } = doubt
    return { verdict: 'NotProven', reason, next, exitCode: learnExit.notProven }
  }
  const loud = missing.find(({ item }) => item === 'quiet')
  if (args.baseline !== undefined && loud !== undefined) {
    const reason = `${key}: ${loud.detail}`
    return { verdict: 'NotProven', reason, next: loud.next ?? '', exitCode: learnExit.notProven }
  }
  if (args.baseline === undefined)
    return { verdict: 'Shown', reason: `${key} was observed`, next: '', exitCode: 0 }
  return {
    verdict: 'NothingNew',
    reason: `${key} was recorded completely, and called nothing beyond ${args.baseline.path}`,
    ...{ next: '', exitCode: 0 }
  }
}

/** Returns what is printed. */
export function answerOf(
  args: LearnArgs,
  outcome: LearnState & LearnVerdict & { runs: number }
): Answer {
  const { profile, missing, runs, verdict, reason, next, exitCode } = outcome
  const observed = profile?.status?.observed ?? {}
  return {
    profile: keyOf(args.ref),
    ...{ verdict, reason, next, exitCode },
    confident: missing.length === 0,
    missing: missing.map(({ item, detail, next: step = '' }) => ({ item, detail, next: step })),
    new: newCalls(observed, args.baseline?.set),
    runs,
    observed
  }
}

export function printAnswer(io: Io, args: LearnArgs, answer: Answer): void {
  if (args.output !== 'table') {
    printObject(io, args.output, answer)
    return
  }
  io.stdout(
    `${answer.profile}: ${plural(sizeOfSet(answer.observed), 'syscall')} after ${plural(answer.runs, 'run')}\n`
  )
  for (const { item, detail, next } of answer.missing) {
    io.stdout(`${paint(io, 'yellow', '✗')} ${item}: ${plain(detail)}\n  next: ${next}\n`)
  }
  if (answer.missing.length === 0)
    io.stdout(`${paint(io, 'green', '✓')} confident: ${args.require.join(', ')}, quiet\n`)
  for (const { abi, name, risk, beyondRuntimeDefault } of answer.new) {
    const words = [
      risk === 'none' ? '' : `${risk} risk`,
      beyondRuntimeDefault ? 'RuntimeDefault denies it' : ''
    ]
    const note = words.filter((word) => word !== '').join(', ')
    io.stdout(`${paint(io, 'red', `+ ${name}`)} (${abi})${note === '' ? '' : `: ${note}`}\n`)
  }
  printVerdict(io, args, answer)
}

function printVerdict(io: Io, args: LearnArgs, answer: Answer): void {
  const { verdict, reason, next, profile, exitCode } = answer
  if (verdict === 'NothingNew')
    io.stdout(
      `${paint(io, 'green', '✓')} nothing beyond ${args.baseline?.path ?? ''}: ${plain(reason)}\n`
    )
  if (verdict === 'NotProven')
    io.stdout(`${paint(io, 'red', '✗')} nothing is proven: ${plain(reason)}\n`)
  const after =
    verdict === 'NewCalls'
      ? `${next}\nIf they are intended, write a new baseline.`
      : next === ''
        ? `secco diff ${profile}, then secco profile approve ${profile}`
        : next
  io.stderr(`${exitCode === 0 ? '' : `exit code ${exitCode}\n`}next: ${after}\n`)
}
