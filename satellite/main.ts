import { machine, release } from 'node:os'
import type { Pinning } from '../native/types.js'
import type { NodeStatus, Observation, RunningContainer } from '../src/api/gen/hub.js'
import { SeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import { Worker } from '../src/lib/worker.js'
import { type Abi, abisOfMachine } from '../src/syscalls/abi.js'
import { containerdRuntime } from './containers/containerd.js'
import { dockerRuntime } from './containers/docker.js'
import { podmanRuntime } from './containers/podman.js'
import { type ContainerRegistry, openRegistry } from './containers/registry.js'
import { crunRuntime } from './containers/crun.js'
import { runcRuntime } from './containers/runc.js'
import { HubLink, type SatelliteUplink, type UplinkHandlers } from './hub-link.js'
import { type Inspector, startInspector } from './inspector/inspector.js'
import { LiveReporter } from './inspector/live-reporter.js'
import type { RecorderPlace } from './recorder/open-recorder.js'
import type { RecordMode } from './recorder/record-mode.js'
import { openRecording, type Recording } from './recorder/recording.js'
import type { Floor } from './revisions/floors.js'
import { openRevisionFiles, type RevisionFiles } from './revisions/revision-files.js'
import { RuntimeVersions } from './runtime-versions.js'
import { HubTraces } from './trace/hub-traces.js'
import { serveTraces, type TraceServer } from './trace/trace-server.js'

export type { UplinkHandlers } from './hub-link.js'

export interface SatelliteOptions extends RecorderPlace {
  node: string
  /** Opens the stream to the hub: startUplink with hub, node, certificates and spool folder bound. */
  connect: (handlers: UplinkHandlers) => SatelliteUplink | Promise<SatelliteUplink>
  /** For example /var/lib/kubelet/seccomp. */
  seccompRoot: string
  /** Socket of the satellite's trace service; without it none is served. */
  socketPath?: string
  /** File about when this node recorded, for the gaps in between; without it they are not known. */
  gapsFile?: string
  runcRoots?: readonly string[]
  /** Undefined: containerd is not asked. */
  containerdSocket?: string | undefined
  /** `unprofiled` attaches only while something needs it; `off` delivers revisions and records nothing. */
  record?: RecordMode
  /** What revisions must never go below; default `approved`. */
  floor?: Floor
  /** How long a revision stays that neither the hub nor a container needs (ms); default ten minutes. */
  keepUnusedMs?: number | undefined
  /** Milliseconds for which `unprofiled` stays attached after the last need. */
  lingerMs?: number
  logger: Logger
}

/** A change of the status (a loss, a condition) reaches the hub after at most this time. */
const statusEveryMs = 5000
/** How often the syscalls of every container are counted again for the hub's simulations. */
const countEveryMs = 300_000

/** Everything that runs in a satellite, in the order in which it is started. */
interface SatelliteParts {
  options: SatelliteOptions
  abis: readonly Abi[]
  link: HubLink
  registry: ContainerRegistry
  revisions: RevisionFiles
  reporter: LiveReporter
  inspector: Inspector
  recording: Recording
  /** Traces that the hub has started. */
  traces: HubTraces
  versions: RuntimeVersions
}

/**
 * Starts this node's agent. If nothing can be traced, it still delivers revisions and its status says why.
 * @throws SeccoError RECORDER_IN_USE when another satellite has the pins.
 */
export async function startSatellite(options: SatelliteOptions): Promise<Satellite> {
  const parts = await openParts(options)
  const { link, recording, inspector, versions } = parts
  await versions.update()
  await recording.start()
  link.open(await options.connect(uplinkHandlers(parts)))
  recording.attachAsNeeded()
  if (recording.problem !== '') {
    options.logger.warn({ reason: recording.problem }, 'containers cannot be traced here')
  }
  void inspector.scan()
  const traces = await serveTracesOf(parts)
  return new Satellite(parts, traces)
}

async function openParts(options: SatelliteOptions): Promise<SatelliteParts> {
  const { logger, seccompRoot } = options
  const [abi, ...others] = abisOfMachine(machine())
  if (abi === undefined) {
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  }
  const abis = [abi, ...others]
  const [link, registry] = [new HubLink(), openRuntimes(options)]
  const revisions = await openRevisionFiles({
    root: seccompRoot,
    logger,
    floor: options.floor,
    keepUnusedMs: options.keepUnusedMs,
    containers: () => registry.all(),
    onStatus: (status) => link.report(status)
  })
  const reporter = new LiveReporter((message) => link.send(message), logger)
  const inspector = startInspector({
    registry,
    abis,
    logger,
    seccompRoot,
    holding: () => revisions.holding(),
    onChange: (changed, gone) => reporter.changed(changed, gone)
  })
  const recording = await openRecording({
    record: options.record ?? 'always',
    place: options,
    registry,
    node: options.node,
    machine: abi,
    logger,
    held: () => revisions.held(),
    durable: () => link.durable(),
    givenUp: () => link.dropped,
    gapsFile: options.gapsFile,
    onChange: () => link.statusChanged(),
    onDenials: (calls) => reporter.denied(calls),
    lingerMs: options.lingerMs
  }).catch(async (error: unknown) => {
    await inspector.close()
    await revisions.close()
    registry.close()
    throw error
  })
  const traces = new HubTraces({
    ...{ recording, logger, containers: () => registry.all() },
    send: (value) => link.send({ $case: 'trace', value })
  })
  recording.onObservation((observation) => {
    reporter.observed(observation)
    traces.observed(observation)
    link.offer(observation)
  })
  const versions = new RuntimeVersions(registry, logger)
  const running = { registry, revisions, reporter, inspector, recording, traces, versions }
  return { options, abis, link, ...running }
}

function openRuntimes({
  runcRoots,
  containerdSocket,
  logger
}: SatelliteOptions): ContainerRegistry {
  const asked = containerdSocket === undefined ? [] : [containerdRuntime(containerdSocket)]
  const callees = [runcRuntime(runcRoots), crunRuntime()]
  return openRegistry([...callees, ...asked, dockerRuntime(), podmanRuntime()], logger)
}

function uplinkHandlers(parts: SatelliteParts): UplinkHandlers {
  const { revisions, recording, traces } = parts
  return {
    onRevision: (revision) => revisions.install(revision),
    onDesired: (desired) => revisions.desire(desired),
    status: () => statusOf(parts),
    holding: () => revisions.holding(),
    onWelcome: () => sendEverything(parts),
    onRoom: (ids) => recording.resend(ids),
    onResend: (containers) => recording.resend(containers),
    onCollect: () => recording.collect(),
    onSendRevision: (ref) => revisions.read(ref),
    onStartTrace: (request) => traces.start(request),
    onStopTrace: (id) => traces.stop(id)
  }
}

/** Sends what a hub keeps in memory only: it starts with each connection. */
function sendEverything({ reporter, inspector, recording, traces }: SatelliteParts): void {
  traces.welcome()
  reporter.welcome(inspector.list())
  recording.resendDenials()
}

function statusOf(parts: SatelliteParts): NodeStatus {
  const { options, abis, link, revisions, recording, versions } = parts
  return {
    kernel: release(),
    arch: machine(),
    runtimes: versions.runtimes,
    hook: recording.hook,
    tracingUnavailable: recording.problem,
    losses: recording.losses(),
    conditions: [...recording.conditions(), ...revisions.conditions(), ...link.conditions()],
    libseccomp: versions.libseccomp,
    seccompRoot: options.seccompRoot,
    abis: [...abis],
    capabilities: recording.capabilities(),
    record: options.record ?? 'always',
    attached: recording.attached,
    gaps: recording.gaps()
  }
}

async function serveTracesOf({
  options: { socketPath, logger },
  recording
}: SatelliteParts): Promise<TraceServer | undefined> {
  if (socketPath === undefined) return undefined
  const traces = await serveTraces({ socketPath, logger, recording })
  recording.onObservation((observation) => traces.observed(observation))
  return traces
}

/** Satellite is a node's agent while it runs. */
export class Satellite {
  readonly #parts: SatelliteParts
  readonly #traces: TraceServer | undefined
  readonly #workers: readonly Worker[]
  #closing: Promise<void> | undefined

  constructor(parts: SatelliteParts, traces: TraceServer | undefined) {
    const { link, recording, reporter } = parts
    this.#parts = parts
    this.#traces = traces
    if (link.connected) sendEverything(parts)
    const report = () => link.statusChanged()
    // New syscalls of a container are reported at once; that the same ones are called more often is not.
    const count = async () => {
      for (const observation of await recording.current()) reporter.observed(observation)
    }
    this.#workers = [this.#every(statusEveryMs, report), this.#every(countEveryMs, count)]
  }

  get registry(): ContainerRegistry {
    return this.#parts.registry
  }

  get connected(): boolean {
    return this.#parts.link.connected
  }

  /** How the recorder is pinned; undefined without one. */
  get pinning(): Pinning | undefined {
    return this.#parts.recording.pinning
  }

  status(): NodeStatus {
    return statusOf(this.#parts)
  }

  /** Observations of every container as of now. */
  current(): Promise<Observation[]> {
    return this.#parts.recording.current()
  }

  /** Every running container with its confinement, as of the last scan. */
  running(): RunningContainer[] {
    return this.#parts.inspector.list()
  }

  flush(): Promise<void> {
    return this.#parts.link.flush()
  }

  /** Detaches the recorder and removes its pins at once, for a process that ends now. */
  abandon(): void {
    this.#parts.recording.abandon()
  }

  /**
   * Observes every container a last time, sends that, and stops. With `keep`, a pinned and attached recorder
   * continues to record for the next satellite.
   */
  close({ keep = false }: { keep?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(keep)
    return this.#closing
  }

  async #close(keep: boolean): Promise<void> {
    const { link, registry, revisions, inspector, recording, traces, versions } = this.#parts
    for (const worker of this.#workers) await worker.close()
    versions.close()
    await inspector.close()
    await traces.close()
    await this.#traces?.close()
    await recording.close(keep)
    await link.close()
    await revisions.close()
    registry.close()
  }

  #every(everyMs: number, run: () => unknown): Worker {
    const { logger } = this.#parts.options
    return new Worker(run, {
      everyMs,
      onError: (error) => logger.error({ err: error }, 'periodic report failed')
    })
  }
}
