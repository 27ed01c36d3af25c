import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { test } from 'tap'
import { compileFilter } from '../../../../native/trial-load.js'
import type { SeccompArg } from '../../../../src/api/seccomp-profile.js'
import { argumentVerdictsOf } from '../../../../src/seccomp/filter/argument-verdict.js'
import { answerOf } from '../../../../src/seccomp/filter/call-answer.js'
import {
  archOf,
  dataWords,
  type FilterAnswer,
  parseFilter,
  readAnswer,
  runFilter
} from '../../../../src/seccomp/filter/cbpf.js'
import { type CallVerdict, verdictsOf } from '../../../../src/seccomp/filter/verdict.js'
import { syscallNumber } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { RandomFilters } from '../../../helpers/random-filters.js'
import { repositoryRoot } from '../../../helpers/repository.js'

/**
 * differential.test.ts runs compiled filters in our interpreter. Here the kernel executes a sample of them: a child loads
 * the filter that libseccomp built, and makes the call.
 */
const abis = ['x86_64', 'i386', 'x32'] as const
type Abi = (typeof abis)[number]

/**
 * Calls that do no harm with any arguments when a filter allows them, and then never fail with an errno of the random
 * rules (EPERM, ENOSYS, EAFNOSUPPORT).
 */
const harmless = [
  ...['getpid', 'getppid', 'getuid', 'geteuid', 'getgid', 'getegid', 'gettid', 'getpgrp'],
  ...['sched_yield', 'getpgid', 'getsid', 'sched_get_priority_max', 'sched_get_priority_min'],
  ...['umask', 'alarm', 'dup', 'close', 'epoll_create1', 'eventfd2', 'inotify_init1'],
  ...['timer_getoverrun', 'getpriority', 'ioprio_get', 'sched_getscheduler', 'timerfd_create']
]

interface Call {
  abi: Abi
  name: string
  args: readonly bigint[]
}

const numberOf = ({ abi, name }: Call): number | undefined => syscallNumber(abi, name)

async function execute(
  program: string,
  filter: Buffer,
  calls: readonly Call[]
): Promise<readonly string[]> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  child.stdin.on('error', () => undefined)
  const lines = calls.map((call) => {
    const nr = (numberOf(call) ?? 0) | archOf[call.abi].bit
    return `${call.abi === 'i386' ? 'i386' : 'x86_64'} ${String(nr)} ${call.args.join(' ')}`
  })
  child.stdin.end(`${[filter.toString('hex'), ...lines].join('\n')}\n`)
  const [printed] = await Promise.all([text(child.stdout), closed])
  if (child.exitCode !== 0) throw new Error(`the program ended with ${String(child.exitCode)}`)
  return printed.trimEnd().split('\n')
}

/** What a process notices of an answer. It does not notice that a call was logged, or which part of it would have lived. */
function noticed({ action, errno }: FilterAnswer): string {
  if (action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG') return 'made'
  if (action === 'SCMP_ACT_ERRNO') return `returned ${String(-errno)}`
  return action === 'SCMP_ACT_TRAP' ? 'trapped' : `killed 31`
}

function agrees(line: string, expected: string, abi: Abi, withX32: boolean): boolean {
  if (expected !== 'made') return line === expected
  // A kernel without x32 asks the filter, and then answers ENOSYS.
  if (abi === 'x32' && !withX32) return line === 'returned -38'
  return line.startsWith('returned ') && !/ -(1|38|71|97)$/.test(line)
}

const verdictAnswer = (verdict: CallVerdict): FilterAnswer | undefined =>
  verdict.kind === 'conditional'
    ? undefined
    : verdict.kind === 'allowed'
      ? answerOf('SCMP_ACT_ALLOW', undefined)
      : answerOf(verdict.action, verdict.errno)

/** Calls at the borders of a profile's conditions. */
function callsFor(
  filters: RandomFilters,
  syscalls: readonly { names: readonly string[]; args?: readonly SeccompArg[] }[],
  skipped: readonly string[]
): Call[] {
  const conditions = new Map<string, SeccompArg[]>()
  for (const { names, args = [] } of syscalls) {
    for (const name of names) conditions.set(name, [...(conditions.get(name) ?? []), ...args])
  }
  return [...conditions].flatMap(([name, args]) =>
    !harmless.includes(name) || skipped.includes(name)
      ? []
      : abis.flatMap((abi) =>
          Array.from({ length: 6 }, () => {
            const drawn = filters.call(args)
            const low = drawn.map((value) => value & 0xffffffffn)
            return { abi, name, args: abi === 'i386' ? low : drawn }
          }).filter((call) => numberOf(call) !== undefined)
        )
  )
}

async function buildProgram(folder: string): Promise<string> {
  const program = join(folder, 'filter-in-kernel')
  const source = join(repositoryRoot, 'test/helpers/filter-in-kernel.c')
  const flags = ['-O1', '-mno-red-zone', '-Wall', '-Wextra', '-Werror', '-o', program, source]
  await promisify(execFile)('gcc', flags)
  return program
}

const skip = process.arch === 'x64' ? false : 'makes calls of the ABIs of x86_64'

test('the kernel executes a filter as the rules say, and as the interpreter does', {
  skip,
  timeout: 4 * 3600_000
}, async (t) => {
  const program = await buildProgram(t.testdir({}))
  const everything = await compileFilter({
    defaultAction: 'SCMP_ACT_LOG',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
  })
  if (everything === undefined) throw new Error('libseccomp builds no filter')
  const probe = { name: 'getpid', args: Array<bigint>(6).fill(0n) }
  const [, i386 = '', x32 = ''] = await execute(
    program,
    everything.bytes,
    abis.map((abi) => ({ ...probe, abi }))
  )
  const [withI386, withX32] = [i386.startsWith('returned '), x32 !== 'returned -38']
  const [wanted, seed] = [runs(2000), Number(process.env['SECCO_SEED'] ?? 1)]
  const filters = new RandomFilters(seed, harmless)
  const count = { rules: 0, calls: 0, made: 0, unsure: 0 }
  const wrong: string[] = []
  while (count.rules < wanted) {
    const seccomp = filters.profile()
    const built = await compileFilter(seccomp)
    if (built === undefined) continue
    count.rules += seccomp.syscalls?.length ?? 0
    const calls = callsFor(filters, seccomp.syscalls ?? [], built.skipped).filter(
      ({ abi }) => abi !== 'i386' || withI386
    )
    const lines = await execute(program, built.bytes, calls)
    const [filter, byNumber] = [parseFilter(built.bytes), verdictsOf(seccomp, 'x86_64')]
    const byArguments = argumentVerdictsOf(seccomp, 'x86_64')
    for (const [at, call] of calls.entries()) {
      const { abi, name, args } = call
      const { arch, bit } = archOf[abi]
      const nr = (numberOf(call) ?? 0) | bit
      const interpreted = readAnswer(runFilter(filter, dataWords({ nr, arch, args })))
      const quick = byNumber(abi, name)
      const verdict = quick.kind === 'conditional' ? byArguments.of(abi, name, args) : quick
      const stated = verdictAnswer(verdict)
      const line = lines[at] ?? 'nothing'
      count.calls += 1
      if (noticed(interpreted) === 'made') count.made += 1
      if (stated === undefined) count.unsure += 1
      const answers = stated === undefined ? [interpreted] : [interpreted, stated]
      if (answers.every((answer) => agrees(line, noticed(answer), abi, withX32))) continue
      wrong.push(
        JSON.stringify({ abi, name, args: args.map(String), line, interpreted, verdict, seccomp })
      )
    }
  }
  t.same(wrong.slice(0, 3), [], `${JSON.stringify(count)}, seed ${String(seed)}`)
  t.ok(count.unsure < count.calls / 3, 'most calls have a verdict')
  t.ok(count.made > count.calls / 20, 'some are made')
  t.comment(JSON.stringify({ ...count, withI386, withX32 }))
})
