import { readFile } from 'node:fs/promises'
import { machine, release } from 'node:os'
import { openRecorder } from '../native/recorder.js'
import type { Recorder } from '../native/types.js'
import type {
  NodeStatus,
  Observation,
  Revision,
  RevisionRef,
  RevisionStatus
} from '../src/api/gen/hub.js'
import { SeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import { abisOfMachine } from '../src/seccomp/abi.js'
import { containerdRuntime } from './containers/containerd.js'
import { dockerRuntime } from './containers/docker.js'
import { podmanRuntime } from './containers/podman.js'
import { type ContainerRegistry, openRegistry } from './containers/registry.js'
import { libseccompVersion, runcRuntime } from './containers/runc.js'
import { type LocalServer, serveLocally } from './local-server.js'
import { startRecorderLoop } from './recorder-loop.js'
import type { RecorderLoop } from './recorder-loop-types.js'
import { openRevisionKeeper } from './revision-keeper.js'
import type { Uplink } from './uplink-types.js'

const versionsEveryMs = 10 * 60_000

/** A change of status (a loss, a condition) reaches the hub after at most this long. */
const statusEveryMs = 5000

/** What the satellite gives to whatever carries its words to the hub. */
export interface UplinkEnds {
  onRevision: (revision: Revision) => Promise<RevisionStatus>
  onDesired: (revisions: readonly RevisionRef[]) => void
  status: () => NodeStatus
  /** Revisions whose files are on this node and verified. */
  holding: () => RevisionRef[]
}

/** What the satellite needs of its connection: startUplink of uplink.ts gives it, tests their own. */
export type SatelliteUplink = Pick<
  Uplink,
  'offer' | 'report' | 'statusChanged' | 'connected' | 'flush' | 'close'
>

export interface SatelliteOptions {
  node: string
  /** Opens the stream to the hub (startUplink with hub, node, certificates and spool folder bound). */
  connect: (ends: UplinkEnds) => SatelliteUplink | Promise<SatelliteUplink>
  /** e.g. /var/lib/kubelet/seccomp */
  seccompRoot: string
  /** The satellite's own service; none is offered without it. */
  socketPath?: string
  runcRoots?: readonly string[]
  containerdSocket?: string
  /** `off` delivers revisions and records nothing. */
  record?: 'always' | 'off'
  logger: Logger
}

export interface Satellite {
  status(): NodeStatus
  /** Every container as of now. */
  current(): Promise<Observation[]>
  readonly registry: ContainerRegistry
  readonly connected: boolean
  flush(): Promise<void>
  close(): Promise<void>
}

function openOrReason(record: 'always' | 'off'): { recorder?: Recorder; reason: string } {
  if (record === 'off') return { reason: 'recording is switched off' }
  try {
    return { recorder: openRecorder(), reason: '' }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * Starts this node's agent. Where nothing can be traced it still delivers revisions, and says why in
 * its status. `close()` takes a last look at every container, sends it, and stops.
 */
export async function startSatellite(options: SatelliteOptions): Promise<Satellite> {
  const { logger, node } = options
  const abis = abisOfMachine(machine())
  const [abi] = abis
  if (abi === undefined) {
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  }
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const registry = openRegistry(
    [
      runcRuntime(options.runcRoots),
      containerdRuntime(options.containerdSocket),
      dockerRuntime(),
      podmanRuntime()
    ],
    logger
  )
  const opened = openOrReason(options.record ?? 'always')
  let { reason } = opened
  let loop: RecorderLoop | undefined
  let local: LocalServer | undefined
  let uplink: SatelliteUplink | undefined
  const keeper = await openRevisionKeeper({
    root: options.seccompRoot,
    logger,
    containers: () => registry.all(),
    onStatus: (status) => uplink?.report(status)
  })

  let runtimes = await registry.versions()
  const libseccomp = await libseccompVersion()
  const versions = setInterval(() => {
    void registry.versions().then((found) => {
      runtimes = found
    })
  }, versionsEveryMs)
  versions.unref()

  const status = (): NodeStatus => ({
    kernel: release(),
    arch: machine(),
    runtimes,
    hook: loop === undefined ? '' : (opened.recorder?.hook ?? ''),
    tracingUnavailable: reason,
    losses: loop?.losses(),
    conditions: [...(loop?.conditions() ?? []), ...keeper.conditions()],
    libseccomp,
    seccompRoot: options.seccompRoot,
    abis,
    capabilities: [],
    record: options.record ?? 'always',
    attached: opened.recorder?.attached ?? false
  })

  if (opened.recorder !== undefined) {
    try {
      const early: Observation[] = []
      loop = await startRecorderLoop({
        recorder: opened.recorder,
        registry,
        node,
        bootId,
        machine: abi,
        logger,
        held: () => keeper.held(),
        onObservation: (observation) => {
          if (uplink === undefined) early.push(observation)
          else uplink.offer(observation)
          local?.accept(observation)
        }
      })
      uplink = await connect()
      for (const observation of early) uplink.offer(observation)
    } catch (error) {
      if (loop !== undefined) throw error
      opened.recorder.stop()
      reason = error instanceof Error ? error.message : String(error)
    }
  }
  if (reason !== '') logger.warn({ reason }, 'nothing can be traced here')
  uplink ??= await connect()
  if (options.socketPath !== undefined) {
    local = await serveLocally({
      socketPath: options.socketPath,
      logger,
      loop,
      unavailable: reason
    })
  }

  async function connect(): Promise<SatelliteUplink> {
    return options.connect({
      onRevision: (revision) => keeper.install(revision),
      onDesired: (revisions) => keeper.desire(revisions),
      status,
      holding: () => keeper.holding()
    })
  }

  const link = uplink
  let told = JSON.stringify(status())
  const watching = setInterval(() => {
    const now = JSON.stringify(status())
    if (now !== told) link.statusChanged()
    told = now
  }, statusEveryMs)
  watching.unref()
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    clearInterval(versions)
    clearInterval(watching)
    await local?.close()
    await loop?.stop()
    await link.flush()
    await link.close()
    await keeper.close()
    registry.close()
  }
  return {
    status,
    registry,
    current: async () => (await loop?.current()) ?? [],
    get connected() {
      return link.connected
    },
    flush: () => link.flush(),
    close: () => {
      closing ??= close()
      return closing
    }
  }
}
