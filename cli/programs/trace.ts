import { existsSync } from 'node:fs'
import { constants, machine } from 'node:os'
import { Writable } from 'node:stream'
import { stringify } from 'yaml'
import { containerdRuntime } from '../../satellite/containers/containerd.js'
import { dockerRuntime } from '../../satellite/containers/docker.js'
import { podmanRuntime } from '../../satellite/containers/podman.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import type { ContainerRuntime } from '../../satellite/containers/runtime.js'
import { crunRuntime } from '../../satellite/containers/crun.js'
import { defaultRuncRoots, runcRuntime } from '../../satellite/containers/runc.js'
import { parseDuration } from '../lib/duration.js'
import type { TraceReport } from '../../satellite/trace/trace-report.js'
import { traceCommand, traceContainer } from '../../satellite/trace/trace-session.js'
import { SeccoError } from '../../src/lib/errors.js'
import { deniedTimes, ofThemDenied } from '../../src/seccomp/import/trace-denials.js'
import { createLogger } from '../../src/lib/log.js'
import { quoted } from '../../src/lib/shell-word.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { passSignals } from '../lib/pass-signals.js'
import { traceProfile } from '../lib/trace-profile.js'

export const traceFormats = ['table', 'json', 'yaml', 'profile'] as const
export type TraceFormat = (typeof traceFormats)[number]

export interface TraceArgs {
  /** After `--`: the command and its arguments. Excludes `container`. */
  command?: readonly string[]
  /** Id, beginning of an id, or name. */
  container?: string
  wait?: boolean
  /** runc, crun, containerd, docker, podman; default: all. */
  runtime?: string
  /** `runc --root`, or containerd's socket with runtime containerd. */
  root?: string
  /** Further roots of runc to look in: those of the program on this machine. */
  runcRoots?: readonly string[]
  /** As in 30s, 5m, 1h, 500ms. */
  for?: string
  output?: TraceFormat
  /** BTF file for a kernel that has none of its own. */
  btf?: string
  /** Syscalls beyond RuntimeDefault that the user approves for the profile. */
  allow?: readonly string[]
}

export interface TraceIo {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** stdout is a terminal: live counters make sense. */
  isTerminal: boolean
}

function share(count: number, total: number): string {
  return `${((100 * count) / total).toFixed(1)}%`
}

/** Formats a table whose last columns are numbers. */
export function columnsOf(rows: readonly (readonly string[])[], numbers: number): string[] {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0))
  )
  const left = widths.length - numbers
  const cell = (text: string, at: number): string => {
    const width = widths[at] ?? 0
    return at >= left ? text.padStart(width) : text.padEnd(width)
  }
  return rows.map((row) => row.map(cell).join('  ').trimEnd())
}

/** Formats rows of syscall, count and share, most frequent first; with an ABI column if there are several ABIs. */
export function traceTable(report: TraceReport): string {
  const abis = Object.entries(report.abis)
  const rows = abis
    .flatMap(([abi, counts]) =>
      Object.entries(counts).map(([name, count]) => ({ abi, name, count }))
    )
    .sort((left, right) => right.count - left.count || (left.name < right.name ? -1 : 1))
  const total = rows.reduce((sum, { count }) => sum + count, 0)
  const cells = rows.map(({ abi, name, count }) => [
    ...(abis.length > 1 ? [abi] : []),
    name,
    String(count),
    share(count, total)
  ])
  const head = [...(abis.length > 1 ? ['ABI'] : []), 'SYSCALL', 'COUNT', 'SHARE']
  const why = report.incomplete === undefined ? '' : ` (${report.incomplete})`
  const state = report.complete ? 'complete' : `not complete${why}`
  const denied = report.denied.map(
    ({ syscall, action, count }) => `denied: ${syscall} ${count} (${action})`
  )
  const apart = Object.entries(report.parts).map(([part, abis]) => {
    const names = new Set(Object.values(abis).flatMap((counts) => Object.keys(counts)))
    const where = part === 'session' ? 'not in the table above' : 'in the table above'
    return `${part}: ${names.size} syscalls (${where}): ${[...names].sort().join(' ')}`
  })
  const times = [...deniedTimes(report.denied).values()]
  const deniedCalls = times.reduce((sum, count) => sum + count, 0)
  const made = deniedCalls === 0 ? '' : ` (${ofThemDenied(deniedCalls)})`
  const summary = `${report.container}: ${rows.length} syscalls, ${total} calls${made}, ${state}, ${report.lost} lost`
  return [...columnsOf([head, ...cells], 2), ...denied, ...apart, summary, ''].join('\n')
}

/** Prints the profile of a trace, and the notes about it on stderr. */
export function printProfile(
  report: TraceReport,
  args: Pick<TraceArgs, 'allow'>,
  io: TraceIo
): void {
  const { json, notes } = traceProfile(report, new Date().toISOString(), args.allow)
  for (const note of notes) io.stderr.write(`${note}\n`)
  io.stdout.write(json)
}

function print(report: TraceReport, args: TraceArgs, io: TraceIo): void {
  if (args.output === 'json') io.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
  else if (args.output === 'yaml') io.stdout.write(stringify(report))
  else if (args.output !== 'profile') io.stdout.write(traceTable(report))
  else printProfile(report, args, io)
}

function runtimesFor(args: TraceArgs): ContainerRuntime[] {
  const known = [...new Set([...defaultRuncRoots, ...(args.runcRoots ?? [])])]
  const roots = args.root === undefined ? known : [args.root]
  const crunRoots = args.root === undefined ? undefined : [args.root]
  const makers: Record<string, () => ContainerRuntime[]> = {
    runc: () => [runcRuntime(roots)],
    crun: () => [crunRuntime(crunRoots)],
    containerd: () => [runcRuntime(known), containerdRuntime(args.root)],
    docker: () => [runcRuntime(known), containerdRuntime(), dockerRuntime(args.root)],
    podman: () => [runcRuntime(known), crunRuntime(), podmanRuntime()]
  }
  const isSocket = args.runtime === 'containerd' || args.runtime === 'docker'
  if (isSocket && args.root !== undefined && !existsSync(args.root)) {
    throw new SeccoError('RUNTIME_UNREACHABLE', `--root ${args.root}: no socket of ${args.runtime}`)
  }
  if (args.runtime === undefined) {
    const callees = [runcRuntime(roots), crunRuntime()]
    return [...callees, containerdRuntime(), dockerRuntime(), podmanRuntime()]
  }
  const make = makers[args.runtime]
  if (make === undefined) {
    const known = Object.keys(makers).join(', ')
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${args.runtime}: known are ${known}`)
  }
  return make()
}

async function runCommand(
  command: readonly string[],
  args: TraceArgs,
  io: TraceIo
): Promise<number> {
  const [abi] = abisOfMachine(machine())
  if (abi === undefined)
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  const signals = passSignals()
  try {
    // A report for programs (`> profile.json`) is alone on stdout; the output of the command goes to stderr.
    const stdout = (args.output ?? 'table') === 'table' ? undefined : 2
    const trace = await traceCommand(command, abi, signals.to, stdout, args.btf)
    if (trace.remaining > 0) {
      const verb = trace.remaining === 1 ? 'runs' : 'run'
      io.stderr.write(
        `note: ${trace.remaining} of its processes still ${verb}; their further syscalls are not counted\n`
      )
    }
    print(trace.report, args, io)
    if (trace.signal !== null) return 128 + constants.signals[trace.signal]
    return trace.code ?? 1
  } finally {
    signals.stop()
  }
}

/** Redraws in place: moves up to the first line, then erases to the end (ECMA-48 CUU, ED). */
export function liveTable(io: TraceIo): { draw: (table: string) => void; clear: () => void } {
  let lines = 0
  const clear = (): void => {
    if (lines > 0) io.stderr.write(`\u001B[${lines}A\u001B[J`)
    lines = 0
  }
  const draw = (table: string): void => {
    clear()
    const rows = table.trimEnd().split('\n')
    const shown = [...rows.slice(0, 16), ...rows.slice(Math.max(16, rows.length - 1))]
    io.stderr.write(`${shown.join('\n')}\n`)
    lines = shown.length
  }
  return { draw, clear }
}

async function runContainer(word: string, args: TraceArgs, io: TraceIo): Promise<number> {
  const [abi] = abisOfMachine(machine())
  if (abi === undefined)
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  const duration = args.for === undefined ? undefined : parseDuration(args.for, '--for')
  const runtimes = runtimesFor(args)
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      io.stderr.write(chunk)
      done()
    }
  })
  const logger = createLogger('trace', sink)
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  const registry = openRegistry(runtimes, logger)
  const live = io.isTerminal ? liveTable(io) : undefined
  let timer: NodeJS.Timeout | undefined
  try {
    const report = await traceContainer({
      word,
      wait: args.wait === true,
      registry,
      machine: abi,
      logger,
      btf: args.btf,
      signal: stop.signal,
      onReady: () => {
        if (duration !== undefined) timer = setTimeout(end, duration)
        io.stderr.write(args.wait === true ? `waiting for ${word}\n` : `tracing ${word}\n`)
      },
      ...(live === undefined ? {} : { onProgress: (report) => live.draw(traceTable(report)) })
    })
    live?.clear()
    print(report, args, io)
    if (!report.complete && args.wait !== true && (args.output ?? 'table') === 'table') {
      const again = `secco trace ${quoted(word)} --wait`
      io.stderr.write(
        `  next: to count from its first instruction, run \`${again}\` before it starts\n`
      )
    }
    return 0
  } finally {
    clearTimeout(timer)
    registry.close()
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}

/**
 * `secco trace`: counts syscalls. @returns the exit code of the command, or 0 for a container.
 * @throws SeccoError INVALID_ARGUMENT, TRACING_UNAVAILABLE, COMMAND_NOT_STARTED, CONTAINER_NOT_FOUND,
 *   CONTAINER_AMBIGUOUS
 */
export async function runTrace(args: TraceArgs, io: TraceIo): Promise<number> {
  const { command, container } = args
  const hasCommand = command !== undefined && command.length > 0
  if (container === '') throw new SeccoError('INVALID_ARGUMENT', 'the container has no name')
  if (hasCommand === (container !== undefined)) {
    throw new SeccoError('INVALID_ARGUMENT', 'give a container, or -- and a command, not both')
  }
  if (args.output !== undefined && !traceFormats.includes(args.output)) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `-o ${args.output}: known are ${traceFormats.join(', ')}`
    )
  }
  const misplaced = hasCommand
    ? (['wait', 'runtime', 'root', 'for'] as const).filter((name) => args[name] !== undefined)
    : []
  if (misplaced.length > 0) {
    const list = misplaced.map((name) => `--${name}`).join(', ')
    throw new SeccoError('INVALID_ARGUMENT', `${list}: for a container only, not for a command`)
  }
  if (args.allow !== undefined && args.output !== 'profile') {
    throw new SeccoError('INVALID_ARGUMENT', '--allow: only with -o profile')
  }
  if (hasCommand) return runCommand(command, args, io)
  return runContainer(container ?? '', args, io)
}
