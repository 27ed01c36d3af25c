import type { Pinning } from '../../native/types.js'
import type { Floor } from '../../satellite/revisions/floors.js'
import type { HealthServer } from '../../satellite/health-server.js'
import { keepClock } from '../../satellite/lib/node-clock.js'
import { startSatellite, type UplinkHandlers } from '../../satellite/main.js'
import type { RecordMode } from '../../satellite/recorder/record-mode.js'
import { startUplink, type Uplink } from '../../satellite/uplink/uplink.js'
import type { NodeStatus } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { writeNodeRoots } from '../lib/node-roots.js'
import { ensureSocketPath, ensureStateFolders, type StatePaths } from '../lib/state.js'
import { certificateCredentials, tokenCredentials } from './node-credentials.js'

export interface NodeOptions {
  paths: StatePaths
  /** HOST:PORT of the hub. */
  hub: string
  node: string
  seccompRoot: string
  runcRoots: readonly string[]
  /** The options that named these roots, as a shell takes them; absent: none did. */
  rootOptions?: string | undefined
  /** As in SatelliteOptions. */
  containerdSocket: string | undefined
  record: RecordMode
  /** Folder on a bpf file system where the recorder is pinned; undefined: not pinned. */
  pin?: string | undefined
  /** Slots of the recorder; undefined: the default. */
  slots?: number | undefined
  /** BTF file for a kernel that has none of its own. */
  btf?: string | undefined
  floor?: Floor
  /** As in SatelliteOptions. */
  keepUnusedMs?: number | undefined
  /** In a cluster: the ServiceAccount's token and the hub's authority, read again when they change. */
  token?: { tokenFile: string; caFile: string } | undefined
  /** Plain HTTP for /livez, /readyz and /metrics; undefined: not offered. */
  healthListen?: { host: string; port: number } | undefined
  logger: Logger
}

export interface RunningNode {
  status(): NodeStatus
  /** How the recorder is pinned; undefined where nothing is recorded. */
  pinning: Pinning | undefined
  /** Detaches the recorder at once, for a process that ends now. */
  abandon(): void
  /** `keep`: the pinned recorder goes on. */
  close(options?: { keep?: boolean }): Promise<void>
}

/** Starts this machine's satellite with a certificate of the state folder's authority, or with a token. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { paths, hub, node, logger } = options
  ensureSocketPath(paths)
  await ensureStateFolders(paths, [paths.spool])
  keepClock(paths.clock, logger)
  const { seccompRoot, runcRoots, rootOptions = '' } = options
  await writeNodeRoots(paths, { seccompRoot, runcRoots, options: rootOptions })
  const { token: files } = options
  const credentials = await (files === undefined
    ? certificateCredentials(paths.certs, node, logger)
    : tokenCredentials(files, logger))
  let handlers: UplinkHandlers | undefined
  let uplink: Uplink | undefined
  const satellite = await startSatellite({
    node,
    connect: async (connected) => {
      handlers = connected
      const used = credentials.now()
      uplink = await startUplink({
        ...{ hub, node, logger, ...used, spoolDir: paths.spool },
        ...connected,
        ...serverName(hub)
      })
      credentials.follow(uplink, used)
      return uplink
    },
    seccompRoot,
    socketPath: paths.satelliteSocket,
    gapsFile: paths.recordingGaps,
    runcRoots,
    containerdSocket: options.containerdSocket,
    record: options.record,
    ...(options.floor === undefined ? {} : { floor: options.floor }),
    keepUnusedMs: options.keepUnusedMs,
    pin: options.pin,
    slots: options.slots,
    btf: options.btf,
    logger
  }).catch((error: unknown) => {
    credentials.stop()
    throw error
  })
  let health: HealthServer | undefined
  try {
    if (options.healthListen !== undefined) {
      // The modules for metrics are loaded only where metrics are offered.
      const { serveHealth } = await import('../../satellite/health-server.js')
      health = await serveHealth(options.healthListen, {
        status: () => satellite.status(),
        connected: () => satellite.connected,
        waiting: () => uplink?.backlog().waiting ?? 0,
        held: () => handlers?.holding().length ?? 0
      })
    }
  } catch (error) {
    credentials.stop()
    await satellite.close()
    throw error
  }
  return {
    status: () => satellite.status(),
    pinning: satellite.pinning,
    abandon: () => satellite.abandon(),
    close: async (how) => {
      credentials.stop()
      await health?.close()
      await satellite.close(how)
    }
  }
}

/** TLS has no server names for IP addresses (RFC 6066, section 3): on this machine the hub is `localhost`. */
function serverName(hub: string): { serverName?: string } {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]):/.test(hub) ? { serverName: 'localhost' } : {}
}
