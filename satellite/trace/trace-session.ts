import { existsSync } from 'node:fs'
import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { launchCommand } from '../../native/launcher.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder, Slot } from '../../native/types.js'
import type { Observation } from '../../src/api/gen/hub.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { cgroupMount, pidsOfCgroup } from '../containers/processes.js'
import { isSameRun } from '../containers/merge.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { namedCounts } from '../recorder/slots/observation.js'
import { startRecorderLoop } from '../recorder/recorder-loop.js'
import { reportOf, sumAbis, type TraceReport } from './trace-report.js'

/** What is left in a command's cgroup after its end gets this long to finish: pipes and children drain. */
const drainMs = 1000

function openOrExplain(btf: string | undefined): Recorder {
  try {
    return openRecorder({ btf })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SeccoError('TRACING_UNAVAILABLE', `nothing can be traced: ${reason}`, {
      cause: error
    })
  }
}

function attachOrExplain(recorder: Recorder): void {
  try {
    recorder.attach()
  } catch (error) {
    recorder.stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new SeccoError('TRACING_UNAVAILABLE', `nothing can be traced: ${reason}`, {
      cause: error
    })
  }
}

function lostOf(recorder: Recorder): number {
  const { tableFull, recursionMisses } = recorder.counters()
  return tableFull + recursionMisses
}

/** A cgroup of the command's own, where there is a hierarchy to make it in. */
function commandCgroup(): string | undefined {
  const mount = cgroupMount()
  return mount === undefined || process.getuid?.() !== 0
    ? undefined
    : join(mount, `secco-trace-${process.pid}-${Date.now().toString(36)}`)
}

/** Takes away what traces that were killed left behind: empty cgroups whose maker is gone. */
async function sweepCgroups(): Promise<void> {
  const mount = cgroupMount()
  if (mount === undefined) return
  for (const name of await readdir(mount).catch((): string[] => [])) {
    const maker = /^secco-trace-(\d+)-/.exec(name)?.[1]
    if (maker === undefined || existsSync(`/proc/${maker}`)) continue
    await rmdir(join(mount, name)).catch(() => undefined)
  }
}

/** @returns how many processes are still there when the time is over: daemons, mostly. */
async function drain(folder: string): Promise<number> {
  const until = performance.now() + drainMs
  let left = (await pidsOfCgroup(folder)).length
  for (; left > 0 && performance.now() < until; left = (await pidsOfCgroup(folder)).length) {
    await delay(5)
  }
  await rmdir(folder).catch(() => undefined)
  return left
}

/** What a shell answers with when it cannot start a command: 127 not found, 126 cannot be executed. */
function notStarted(message: string, exitCode: number | null, cause?: unknown): SeccoError {
  return new SeccoError('COMMAND_NOT_STARTED', message, {
    cause,
    ...(exitCode === null ? {} : { exitCode })
  })
}

export interface CommandTrace {
  report: TraceReport
  /** Processes that it left behind: what they do after the report is not in it. */
  remaining: number
  /** As a shell says it: 128 + signal number for a command that a signal ended. */
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * Runs a command in a mount namespace of its own, recorded from its first instruction to its end.
 * @param onStart is given the command's pid, to pass signals on.
 * @param stdout the descriptor that the command's standard output goes to; default: this process's own.
 * @param btf as in RecorderOptions
 * @throws SeccoError TRACING_UNAVAILABLE, COMMAND_NOT_STARTED
 */
export async function traceCommand(
  command: readonly string[],
  machine: Abi,
  onStart: (pid: number) => void = () => undefined,
  stdout?: number,
  btf?: string
): Promise<CommandTrace> {
  const recorder = openOrExplain(btf)
  try {
    attachOrExplain(recorder)
    await sweepCgroups()
    const cgroup = commandCgroup()
    const options = { filter: true, stdio: 'inherit' as const }
    const launched = await launchCommand(command, {
      ...options,
      ...(stdout === undefined ? {} : { stdout }),
      ...(cgroup === undefined ? {} : { cgroup })
    }).catch(async (error: unknown) => {
      if (cgroup !== undefined) await rmdir(cgroup).catch(() => undefined)
      const reason = error instanceof Error ? error.message : String(error)
      const { exitCode = null } = error as { exitCode?: number | null }
      throw notStarted(reason, exitCode, error)
    })
    onStart(launched.pid)
    launched.go()
    const refused = await launched.refused
    const { code, signal } = await launched.ended
    const remaining = cgroup === undefined ? 0 : await drain(cgroup)
    if (refused !== undefined) throw notStarted(refused, code)
    const name = cgroup?.slice(cgroup.lastIndexOf('/') + 1)
    const own = (slot: Slot): boolean =>
      name === undefined
        ? slot.mntns === launched.mntns
        : slot.cgroupName === name || slot.cgroupParent === name
    const slots = recorder.slots().filter(own)
    const counts = slots.map((slot) => recorder.read(slot.index, slot.generation))
    const abis = counts.map((one) =>
      one === undefined ? [] : namedCounts(one, undefined, machine)
    )
    const lost = lostOf(recorder)
    const report = {
      container: command.join(' '),
      complete: lost === 0 && remaining === 0 && slots.some((slot) => slot.complete),
      lost,
      abis: sumAbis(abis),
      denied: [],
      parts: {}
    }
    return { report, remaining, code, signal }
  } finally {
    recorder.stop()
  }
}

/** Containers that a word of the user's means: by id or name, else by the beginning of an id. */
export function matching(containers: readonly Container[], word: string): Container[] {
  const exact = containers.filter(({ id, name }) => id === word || name === word)
  if (exact.length > 0) return exact
  return containers.filter(({ id }) => id.startsWith(word))
}

/** While waiting nothing exists to compare with: a prefix must be long enough to mean an id. */
function isMeant(container: Container, word: string): boolean {
  const { id, name } = container
  return id === word || name === word || (word.length >= 12 && id.startsWith(word))
}

/** @throws SeccoError CONTAINER_NOT_FOUND, CONTAINER_AMBIGUOUS */
export function resolveContainer(containers: readonly Container[], word: string): Container {
  const found = matching(
    containers.filter(({ pid }) => pid > 0),
    word
  )
  const [only] = found
  if (only === undefined) {
    throw new SeccoError(
      'CONTAINER_NOT_FOUND',
      `no running container is called ${JSON.stringify(word)}`
    )
  }
  if (found.length > 1) {
    const names = found.map(({ id, runtime }) => `${id} (${runtime})`).join(', ')
    throw new SeccoError('CONTAINER_AMBIGUOUS', `${JSON.stringify(word)} may be any of ${names}`)
  }
  return only
}

export interface ContainerTraceOptions {
  word: string
  wait: boolean
  registry: ContainerRegistry
  machine: Abi
  logger: Logger
  /** As in RecorderOptions. */
  btf?: string | undefined
  /** Ends the trace early; the report is of what was seen until then. */
  signal: AbortSignal
  onProgress?: (report: TraceReport) => void
  /** Everything that can be seen is attached: a container that starts now is seen from its start. */
  onReady?: () => void
}

/**
 * Traces one container until it ends or `signal` aborts. The registry stays the caller's.
 * @throws SeccoError TRACING_UNAVAILABLE, CONTAINER_NOT_FOUND, CONTAINER_AMBIGUOUS
 */
export async function traceContainer(options: ContainerTraceOptions): Promise<TraceReport> {
  const { word, registry, signal } = options
  await registry.refresh()
  const running = matching(
    registry.all().filter(({ pid }) => pid > 0),
    word
  )
  const target =
    options.wait && running.length === 0 ? undefined : resolveContainer(registry.all(), word)
  const recorder = openOrExplain(options.btf)
  attachOrExplain(recorder)
  const seen = new Map<string, Observation>()
  let lost = 0
  let name = target?.name ?? word
  const finished = new AbortController()
  const report = (): TraceReport => reportOf(name, [...seen.values()], lost)
  const loop = await startRecorderLoop({
    recorder,
    registry,
    node: 'local',
    bootId: 'trace',
    machine: options.machine,
    logger: options.logger,
    only: (container) =>
      target === undefined ? isMeant(container, word) : isSameRun(container, target),
    intervalMs: 100,
    selfTest: false,
    onObservation: (observation) => {
      seen.set(observation.id, observation)
      name = observation.container?.name ?? name
      if ([...seen.values()].every((one) => one.ended)) finished.abort()
    }
  })
  options.onReady?.()
  /** Ended before anything of it was seen: nothing will ever tell of its end. */
  const isGone = async (): Promise<boolean> => {
    if (target === undefined || seen.size > 0) return false
    await registry.refresh()
    return !registry.all().some((one) => one.pid > 0 && isSameRun(one, target))
  }
  try {
    const stop = AbortSignal.any([signal, finished.signal])
    while (!stop.aborted) {
      await delay(500, undefined, { signal: stop }).catch(() => undefined)
      if (await isGone()) break
      if (options.onProgress === undefined) continue
      for (const observation of await loop.current()) {
        if (seen.get(observation.id)?.ended !== true) seen.set(observation.id, observation)
      }
      options.onProgress(report())
    }
  } finally {
    lost = lostOf(recorder)
    await loop.stop()
  }
  if (seen.size === 0 && target === undefined) {
    throw new SeccoError(
      'CONTAINER_NOT_FOUND',
      `no container called ${JSON.stringify(word)} started meanwhile`
    )
  }
  return report()
}
