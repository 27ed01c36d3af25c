import { mkdir } from 'node:fs/promises'
import { ensureClientLeaf } from '../../certs/files.js'
import { startSatellite } from '../../satellite/main.js'
import type { RecordMode } from '../../satellite/record-mode.js'
import { startUplink } from '../../satellite/uplink.js'
import type { Uplink } from '../../satellite/uplink-types.js'
import type { NodeStatus } from '../api/gen/hub.js'
import type { Logger } from '../log.js'
import type { StatePaths } from './state.js'

export interface NodeOptions {
  paths: StatePaths
  /** HOST:PORT of the hub. */
  hub: string
  node: string
  seccompRoot: string
  runcRoots: readonly string[]
  containerdSocket: string
  record: RecordMode
  /** Folder on a bpf file system where recording outlives this process; undefined: nowhere. */
  pin?: string | undefined
  logger: Logger
}

export interface RunningNode {
  status(): NodeStatus
  /** `keep`: what is pinned goes on recording. */
  close(options?: { keep?: boolean }): Promise<void>
}

const renewalCheckMs = 3_600_000

/** Starts this machine's satellite with a certificate of the authority in the state folder, renewed in time. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { paths, hub, node, logger } = options
  await mkdir(paths.spool, { recursive: true, mode: 0o700 })
  let leaf = await ensureClientLeaf(paths.certs, node)
  let uplink: Uplink | undefined
  const satellite = await startSatellite({
    node,
    connect: async (ends) => {
      const spoolDir = paths.spool
      uplink = await startUplink({
        hub,
        node,
        tls: leaf,
        spoolDir,
        logger,
        ...ends,
        ...serverName(hub)
      })
      return uplink
    },
    seccompRoot: options.seccompRoot,
    socketPath: paths.satelliteSocket,
    runcRoots: options.runcRoots,
    containerdSocket: options.containerdSocket,
    record: options.record,
    ...(options.pin === undefined ? {} : { pin: options.pin }),
    logger
  })
  const renew = async () => {
    const next = await ensureClientLeaf(paths.certs, node)
    if (next.cert === leaf.cert && next.ca === leaf.ca) return
    leaf = next
    uplink?.setTls(next)
    logger.info('certificate renewed')
  }
  const renewal = setInterval(() => {
    renew().catch((error: unknown) => {
      logger.error(
        { err: error },
        'the certificate could not be renewed; it is tried again in an hour'
      )
    })
  }, renewalCheckMs)
  return {
    status: () => satellite.status(),
    close: async (how) => {
      clearInterval(renewal)
      await satellite.close(how)
    }
  }
}

/** TLS has no server names for IP addresses (RFC 6066, section 3): on this machine the hub is `localhost`. */
function serverName(hub: string): { serverName?: string } {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]):/.test(hub) ? { serverName: 'localhost' } : {}
}
