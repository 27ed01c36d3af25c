import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { trialLines } from '../../native/trial-load.js'
import type { LinuxSeccomp, SeccompArg } from '../../src/api/seccomp-profile.js'
import { answersOf } from '../../src/seccomp/filter/filter-answers.js'
import { syscallNumber } from '../../src/syscalls/syscall-table.js'
import { repositoryRoot } from './repository.js'

/** What libseccomp made of a rendering. */
interface OracleReport {
  /** Why it was not built or the kernel did not take it; undefined: it was loaded. */
  denied?: string
  /** Time that building it took. */
  ms: number
  instructions: number
  /** Calls asked of the filter. */
  asked: number
  /** Allowed by the filter and not by the rules, and the other way round: `ABI NAME ARGUMENTS`. */
  wider: string[]
  narrower: string[]
}

/** Builds the program (filter-oracle.c) into `folder`; gives its path. */
export async function compileOracle(folder: string): Promise<string> {
  const program = join(folder, 'filter-oracle')
  const source = join(repositoryRoot, 'test/helpers/filter-oracle.c')
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program]
  await promisify(execFile)('gcc', [...flags, source, '-lseccomp'])
  return program
}

/** audit(7)'s numbers, and how wide a register is. */
const asked = [
  { abi: 'x86_64', arch: 'SCMP_ARCH_X86_64', audit: 0xc000003e, top: 2n ** 64n },
  { abi: 'i386', arch: 'SCMP_ARCH_X86', audit: 0x40000003, top: 2n ** 32n }
] as const

/** Values at and beside the borders of every condition on one argument; at most `most`, evenly chosen. */
function bordersOf(args: readonly SeccompArg[], index: number, most: number): bigint[] {
  const own = args.filter((arg) => arg.index === index)
  const numbers = own.flatMap(({ value, valueTwo = 0 }) => [BigInt(value), BigInt(valueTwo)])
  const around = numbers.flatMap((one) => [one, one + 1n, one - 1n, one + 2n ** 32n])
  const all = [...new Set([0n, 2n ** 32n, 2n ** 64n - 1n, ...around])].filter(
    (one) => one >= 0n && one < 2n ** 64n
  )
  const step = Math.max(1, all.length / most)
  return all.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step))
}

/**
 * Asks the filter that libseccomp builds of a rendering about calls at the borders of its conditions, and
 * compares its answers with the rules'; then loads it. Calls without conditions are asked once.
 */
export async function askFilter(program: string, seccomp: LinuxSeccomp): Promise<OracleReport> {
  const conditions = new Map<string, SeccompArg[]>()
  for (const { names, args = [] } of seccomp.syscalls ?? []) {
    for (const name of names) conditions.set(name, [...(conditions.get(name) ?? []), ...args])
  }
  const calls = [...conditions].flatMap(([name, args]) =>
    asked.flatMap(({ abi, arch, audit, top }) => {
      const nr = syscallNumber(abi, name)
      if (nr === undefined || seccomp.architectures?.includes(arch) !== true) return []
      // Behind this one number are many calls, and libseccomp adds rules for them.
      if (name === 'socketcall' || name === 'ipc') return []
      const [a, b, c] = [0, 1, 2].map((at) => bordersOf(args, at, 12)) as [
        bigint[],
        bigint[],
        bigint[]
      ]
      const lists = a.flatMap((x) => b.flatMap((y) => c.map((z) => [x, y, z])))
      return lists
        .filter((list) => list.every((value) => value < top))
        .map((list) => ({ name, abi, list, line: `${audit} ${nr} ${list.join(' ')}` }))
    })
  )
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 20_000 })
  const closed = once(child, 'close')
  child.stdin.on('error', () => undefined)
  child.stdin.end(
    `${[...trialLines(seccomp), 'asks', ...calls.map(({ line }) => line)].join('\n')}\n`
  )
  const [said] = await Promise.all([text(child.stdout), closed])
  const lines = said.trim().split('\n')
  const skipped = new Set(lines.flatMap((line) => (/^skip (.*)/.exec(line) ?? []).slice(1)))
  const got = lines.filter((line) => !line.startsWith('skip '))
  const [, ms = '0', instructions = '0'] = /^built (\S+) (\d+)$/.exec(got[0] ?? '') ?? []
  const report = { ms: Number(ms), instructions: Number(instructions), asked: calls.length }
  if (child.exitCode !== 0 || got.at(-1) !== 'loaded') {
    const reason = child.signalCode === null ? (got.at(-1) ?? '') : 'took longer than 20 s'
    return { ...report, denied: reason, wider: [], narrower: [] }
  }
  const answers = answersOf(seccomp)
  const [wider, narrower]: [string[], string[]] = [[], []]
  calls.forEach(({ name, abi, list }, at) => {
    if (skipped.has(name)) return
    const passes = ['7fff0000', '7ffc0000'].includes(got[at + 1] ?? '')
    const should = answers.passes(name, list)
    if (passes !== should) (passes ? wider : narrower).push(`${abi} ${name} ${list.join(' ')}`)
  })
  return { ...report, wider, narrower }
}
