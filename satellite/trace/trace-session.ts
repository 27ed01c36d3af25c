import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { launchCommand } from '../../native/launcher.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder, Slot } from '../../native/types.js'
import type { Observation } from '../../src/api/gen/hub.js'
import { isDenied } from '../../src/lib/durable-file.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { isPidAlive } from '../../src/lib/process-identity.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { cgroupMount, pidsOfCgroup } from '../containers/processes.js'
import { isSameRun } from '../containers/merge.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { namedCounts } from '../recorder/slots/observation.js'
import { startRecorderLoop } from '../recorder/recorder-loop.js'
import { completenessOfTrace, lostIn, reportOf, sumAbis, type TraceReport } from './trace-report.js'

/** Processes that a command left in its cgroup get this long to end: pipes and children drain. */
const drainMs = 1000

function openForTrace(btf: string | undefined): Recorder {
  try {
    return openRecorder({ btf })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SeccoError('TRACING_UNAVAILABLE', `syscalls cannot be traced here: ${reason}`, {
      cause: error
    })
  }
}

function attachForTrace(recorder: Recorder): void {
  try {
    recorder.attach()
  } catch (error) {
    recorder.stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new SeccoError('TRACING_UNAVAILABLE', `syscalls cannot be traced here: ${reason}`, {
      cause: error
    })
  }
}

/** Folder of a new cgroup for the command; undefined without a hierarchy to create it in. */
function commandCgroup(): string | undefined {
  const mount = cgroupMount()
  return mount === undefined || process.getuid?.() !== 0
    ? undefined
    : join(mount, `secco-trace-${process.pid}-${Date.now().toString(36)}`)
}

/** Removes what killed traces left behind: empty cgroups whose creator is gone. */
async function sweepCgroups(): Promise<void> {
  const mount = cgroupMount()
  if (mount === undefined) return
  for (const name of await readdir(mount).catch((): string[] => [])) {
    const creator = /^secco-trace-(\d+)-/.exec(name)?.[1]
    if (creator === undefined || isPidAlive(Number(creator))) continue
    await rmdir(join(mount, name)).catch(() => undefined)
  }
}

/** Waits for the processes of a cgroup to end. Returns how many are left when the time is over: mostly daemons. */
async function drain(folder: string): Promise<number> {
  const until = performance.now() + drainMs
  let left = (await pidsOfCgroup(folder)).length
  for (; left > 0 && performance.now() < until; left = (await pidsOfCgroup(folder)).length) {
    await delay(5)
  }
  await rmdir(folder).catch(() => undefined)
  return left
}

/** @param exitCode as a shell has it: 127 if the command was not found, 126 if it cannot be executed. */
function notStarted(message: string, exitCode: number | null, cause?: unknown): SeccoError {
  return new SeccoError('COMMAND_NOT_STARTED', message, {
    cause,
    ...(exitCode === null ? {} : { exitCode })
  })
}

interface CommandTrace {
  report: TraceReport
  /** Processes that the command left behind; their later calls are not in the report. */
  remaining: number
  /** As a shell has it: 128 + signal number for a command that a signal ended. */
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * Runs a command in a mount namespace of its own, recorded from its first instruction to its end.
 * @param onStart gets the command's pid, to forward signals.
 * @param stdout descriptor for the command's standard output; default: that of this process.
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
  const recorder = openForTrace(btf)
  try {
    attachForTrace(recorder)
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
    const rejected = await launched.rejected
    const { code, signal } = await launched.ended
    const remaining = cgroup === undefined ? 0 : await drain(cgroup)
    if (rejected !== undefined) throw notStarted(rejected, code)
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
    const lost = lostIn(recorder.counters())
    const report = {
      container: command.join(' '),
      ...completenessOfTrace({
        ...{ lost, remaining, seen: slots.length > 0 },
        fromStart: slots.some((slot) => slot.complete && !slot.isOnlyCreated)
      }),
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

/** Returns the containers with this id or name, otherwise those whose id starts with the word. */
function matching(containers: readonly Container[], word: string): Container[] {
  const exact = containers.filter(({ id, name }) => id === word || name === word)
  if (exact.length > 0) return exact
  return containers.filter(({ id }) => id.startsWith(word))
}

/** While waiting there is nothing to compare with: a prefix must be long enough to be the start of an id. */
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
      `${JSON.stringify(word)}: no running container has this name`
    )
  }
  if (found.length > 1) {
    const names = found.map(({ id, runtime }) => `${id} (${runtime})`).join(', ')
    throw new SeccoError('CONTAINER_AMBIGUOUS', `${JSON.stringify(word)} may be one of ${names}`)
  }
  return only
}

/**
 * Rejects a user who may not trace where a container was not found: this user may not read the states of the runtimes
 * either, and the container may run. @throws SeccoError FORBIDDEN
 */
function ensureMayTrace(word: string, btf: string | undefined): void {
  try {
    openForTrace(btf).stop()
  } catch (cause) {
    if (!isDenied(cause)) return
    const message = `${JSON.stringify(word)}: only root can see the containers of this machine, and trace them`
    throw new SeccoError('FORBIDDEN', message, { cause })
  }
}

interface ContainerTraceOptions {
  word: string
  wait: boolean
  registry: ContainerRegistry
  machine: Abi
  logger: Logger
  /** As in RecorderOptions. */
  btf?: string | undefined
  /** Ends the trace early; the report has what was seen until then. */
  signal: AbortSignal
  onProgress?: (report: TraceReport) => void
  /** Called when the recorder is attached: a container that starts now is recorded from its start. */
  onReady?: () => void
}

/**
 * Traces one container until it ends or `signal` aborts. The caller closes the registry.
 * @throws SeccoError TRACING_UNAVAILABLE, CONTAINER_NOT_FOUND, CONTAINER_AMBIGUOUS, FORBIDDEN
 */
export async function traceContainer(options: ContainerTraceOptions): Promise<TraceReport> {
  const { word, registry, signal } = options
  await registry.refresh()
  const running = matching(
    registry.all().filter(({ pid }) => pid > 0),
    word
  )
  if (running.length === 0) ensureMayTrace(word, options.btf)
  const target =
    options.wait && running.length === 0 ? undefined : resolveContainer(registry.all(), word)
  const recorder = openForTrace(options.btf)
  attachForTrace(recorder)
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
  /** True if it ended before it was seen: nothing will report its end. */
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
    lost = lostIn(recorder.counters())
    await loop.stop()
  }
  if (seen.size === 0 && target === undefined) {
    throw new SeccoError(
      'CONTAINER_NOT_FOUND',
      `no container called ${JSON.stringify(word)} started in that time`
    )
  }
  return report()
}
