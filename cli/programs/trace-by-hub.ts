import { stringify } from 'yaml'
import { completenessOfTrace, type TraceReport } from '../../satellite/trace/trace-report.js'
import { countedSinceText } from '../../src/confinement/since-text.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { ofThemDenied } from '../../src/seccomp/import/trace-denials.js'
import type { Hub } from '../hubs/hub.js'
import { parseDuration } from '../lib/duration.js'
import { columnsOf, liveTable, printProfile, type TraceFormat, type TraceIo } from './trace.js'

export interface HubTraceArgs {
  /** NAMESPACE/POD, NAMESPACE/POD/CONTAINER, or another name that the hub knows. */
  container: string
  output: TraceFormat
  /** As in 30s, 5m, 1h. */
  for?: string
  allow?: readonly string[]
}

interface TracedSyscall {
  abi: string
  name: string
  since: number
  total: number
  rate: number
}

/** The part of the hub's answer that is shown (webhook/ui/api/traces.ts). */
export interface HubTraceView {
  id: string
  path: string
  node: string
  ended: boolean
  problem: string
  complete: boolean
  lost: number
  rate: number
  since: { distinct: number; calls: number }
  /** `denied` is absent: of an earlier hub. */
  total: { distinct: number; calls: number; denied?: number }
  syscalls: TracedSyscall[]
  denied: TraceReport['denied']
}

function abisOf(
  syscalls: readonly TracedSyscall[],
  count: (call: TracedSyscall) => number
): TraceReport['abis'] {
  const abis: TraceReport['abis'] = {}
  for (const call of syscalls) {
    if (count(call) > 0) (abis[call.abi] ??= {})[call.name] = count(call)
  }
  return abis
}

/** The counts since the trace started, and in `total` those since the container began, or was first seen. */
function reportOf(view: HubTraceView): TraceReport & { node: string; total: TraceReport['abis'] } {
  const { path, node, lost, syscalls, denied } = view
  const since = abisOf(syscalls, (call) => call.since)
  const total = abisOf(syscalls, (call) => call.total)
  return {
    container: path,
    node,
    ...completenessOfTrace({ lost, seen: true, fromStart: view.complete || lost > 0 }),
    lost,
    abis: since,
    total,
    denied,
    parts: {}
  }
}

/** Formats what was called since the start, most frequent first. */
export function hubTraceTable(view: HubTraceView): string {
  const rows = view.syscalls
    .filter(({ since }) => since > 0)
    .map(({ name, since, total, rate }) => [name, `${since}`, `${total}`, rate.toFixed(1)])
  const denied = view.denied.map((one) => `denied: ${one.syscall} ${one.count} (${one.action})`)
  const { path, node, since, total, lost } = view
  const made = ofThemDenied(total.denied ?? 0)
  const summary =
    `${path} on ${node}: ${since.distinct} syscalls, ${since.calls} calls since the start; ` +
    `${total.distinct} syscalls, ${total.calls} calls ${countedSinceText(view.complete)}` +
    `${made === '' ? '' : ` (${made})`}; ${lost} lost`
  return [
    ...columnsOf([['SYSCALL', 'COUNT', 'TOTAL', 'RATE'], ...rows], 3),
    ...denied,
    summary,
    ''
  ].join('\n')
}

function print(view: HubTraceView, args: HubTraceArgs, io: TraceIo): void {
  const report = reportOf(view)
  if (args.output === 'json') io.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
  else if (args.output === 'yaml') io.stdout.write(stringify(report))
  else if (args.output === 'table') io.stdout.write(hubTraceTable(view))
  // A profile needs what the container does at its start too.
  else printProfile({ ...report, abis: report.total }, args, io)
}

/**
 * Runs `secco trace NAMESPACE/POD`: starts the trace, follows it and prints it in the end. It ends with --for, with the
 * container, or with the signal. @returns the exit code: 1 when it ended early
 * @throws SeccoError the error of the hub
 */
export async function traceThroughHub(
  hub: Hub,
  args: HubTraceArgs,
  io: TraceIo,
  stop: AbortSignal
): Promise<number> {
  if (args.allow !== undefined && args.output !== 'profile') {
    throw new SeccoError('INVALID_ARGUMENT', '--allow: only with -o profile')
  }
  const ms = args.for === undefined ? 0 : parseDuration(args.for, '--for')
  const body = { container: args.container, seconds: ms / 1000 }
  let latest = await hub.ask<HubTraceView>('/api/v1/traces', body)
  // The hub answers when the node counts.
  io.stderr.write(`tracing ${latest.path} on ${latest.node}\n`)
  const path = `/api/v1/traces/${latest.id}`
  const live = io.isTerminal ? liveTable(io) : undefined
  const over = new AbortController()
  const onEvent = (_: string, data: unknown): void => {
    latest = data as HubTraceView
    live?.draw(hubTraceTable(latest))
    if (latest.ended) over.abort()
  }
  let last: HubTraceView
  try {
    await hub.follow(`${path}/stream`, { onEvent }, AbortSignal.any([stop, over.signal]))
    last = latest.ended ? latest : await hub.ask<HubTraceView>(`${path}/stop`, {})
  } catch (error) {
    // A trace is known to the active hub alone: the one that takes over has none of its own.
    last = { ...latest, problem: toSeccoError(error).message }
  }
  live?.clear()
  print(last, args, io)
  if (last.problem === '') return 0
  io.stderr.write(`warning: the trace ended early: ${last.problem}\n`)
  return 1
}
