import { listed, plural } from '../../src/lib/plural.js'
import { riskOf } from '../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../src/seccomp/policy/runtime-default.js'
import { type Abi, abis } from '../../src/syscalls/abi.js'
import { sizeOfSet, subtractSets, type SyscallSet } from '../../src/syscalls/syscall-set.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import {
  type DeniedCall,
  type Doubt,
  keyOf,
  type LearnArgs,
  type LearnState
} from './learn-state.js'

/** Exit codes in addition to 0, 1 and that of the test command. */
const learnExit = { notConfident: 3, newCalls: 4, notProven: 5 } as const

/** Names of denied calls in a sentence. */
const namesShown = 8

/** LearnVerdict is the outcome in one word, for scripts: the exit code of a test command can be any. */
export interface LearnVerdict {
  verdict: 'NothingNew' | 'Shown' | 'NewCalls' | 'NotConfident' | 'NotProven' | 'CommandFailed'
  /** Why, in a sentence. */
  reason: string
  /** The next step; '' for none. */
  next: string
  exitCode: number
}

interface NewCall {
  /** '' where the node did not report it. */
  abi: Abi | ''
  name: string
  risk: string
  beyondRuntimeDefault: boolean
  /** What the caller got of a filter: EPERM, SIGSYS, logged; '' where the call was not denied. */
  denied: string
}

interface Answer extends LearnVerdict {
  profile: string
  confident: boolean
  missing: { item: string; detail: string; next: string }[]
  /** Beyond the baseline. */
  new: NewCall[]
  runs: number
  observed: SyscallSet
}

/** Returns whether a baseline allows a call. One of an ABI that is not known is only new where no ABI has its name. */
function isAllowed(baseline: SyscallSet, { abi, name }: DeniedCall): boolean {
  return (abi === undefined ? abis : [abi]).some((one) => baseline[one]?.includes(name) === true)
}

/** Returns the calls beyond the baseline. A call that was denied was made: it is in no profile, and is new all the same. */
function newCalls(
  { profile, denied }: Pick<LearnState, 'profile' | 'denied'>,
  baseline: SyscallSet | undefined
): NewCall[] {
  if (baseline === undefined) return []
  const floor = runtimeDefaultNames()
  const observed = profile?.status?.observed ?? {}
  const made = (Object.entries(subtractSets(observed, baseline)) as [Abi, string[]][]).flatMap(
    ([abi, names]) => names.map((name): DeniedCall => ({ abi, name, answer: '' }))
  )
  const isMade = (one: DeniedCall) =>
    made.some(({ abi, name }) => name === one.name && abi === (one.abi ?? abi))
  const barred = denied.calls.filter((one) => !isAllowed(baseline, one) && !isMade(one))
  return [...made, ...barred].map(
    ({ abi, name, answer }): NewCall => ({
      abi: abi ?? '',
      name,
      risk: riskOf(name)?.level ?? 'none',
      beyondRuntimeDefault: !floor.has(name),
      denied: answer
    })
  )
}

const isDenied = ({ denied }: NewCall): boolean => denied !== ''

/** Returns the verdict about calls beyond the baseline. */
function newVerdict(
  { ref, baseline }: LearnArgs,
  found: readonly NewCall[],
  doubt: Doubt | undefined
): LearnVerdict {
  const key = keyOf(ref)
  const denied = found.filter(isDenied).map(({ name }) => name)
  const which = denied.length === 0 ? '' : `; denied: ${listed(denied, namesShown)}`
  const hasFailed = doubt?.hasFailed === true
  const first = hasFailed ? `${doubt.reason}; ` : ''
  const all = `secco denials -n ${ref.namespace} --muted --expected --closed`
  const are = found.length === 1 ? 'is' : 'are'
  const steps = [
    ...(denied.length < found.length ? [`secco diff ${key}`] : []),
    ...(denied.length > 0 || hasFailed ? [all] : [])
  ]
  return {
    verdict: 'NewCalls',
    reason: `${first}${plural(found.length, 'syscall')} of ${key} ${are} not in ${baseline?.path ?? ''}${which}`,
    next: `review them: ${steps.join(', then ')}`,
    exitCode: learnExit.newCalls
  }
}

/** Returns how the gate goes out. A call beyond the baseline counts, whatever else is not known. */
export function verdictOf(
  args: LearnArgs,
  state: LearnState,
  doubt: Doubt | undefined
): LearnVerdict {
  const { missing } = state
  const key = keyOf(args.ref)
  const found = newCalls(state, args.baseline?.set)
  if (found.length > 0) return newVerdict(args, found, doubt)
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
  const { profile, missing, denied, runs, verdict, reason, next, exitCode } = outcome
  const observed = profile?.status?.observed ?? {}
  return {
    profile: keyOf(args.ref),
    ...{ verdict, reason, next, exitCode },
    confident: missing.length === 0,
    missing: missing.map(({ item, detail, next: step = '' }) => ({ item, detail, next: step })),
    new: newCalls({ profile, denied }, args.baseline?.set),
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
  for (const { abi, name, risk, beyondRuntimeDefault, denied } of answer.new) {
    const words = [
      denied === '' ? '' : denied === 'logged' ? 'logged, enforce denies it' : `denied (${denied})`,
      risk === 'none' ? '' : `${risk} risk`,
      beyondRuntimeDefault ? 'RuntimeDefault denies it' : ''
    ]
    const note = words.filter((word) => word !== '').join(', ')
    io.stdout(
      `${paint(io, 'red', `+ ${name}`)} (${abi === '' ? 'ABI not known' : abi})${note === '' ? '' : `: ${note}`}\n`
    )
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
      ? `${next}\nIf they are intended, write a new baseline${answer.new.some(isDenied) ? ', and add the denied ones to it' : ''}.`
      : next === ''
        ? `secco diff ${profile}, then secco profile approve ${profile}`
        : next
  // Each command has its own line, as it is pasted.
  const lines = after.replaceAll(/, then (?=secco )/g, '\n      ')
  io.stderr(`${exitCode === 0 ? '' : `exit code ${exitCode}\n`}next: ${lines}\n`)
}
