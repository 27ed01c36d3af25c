import { mkdir } from 'node:fs/promises'
import { ensureClientLeaf } from '../../certs/files.js'
import { type Satellite, startSatellite } from '../../satellite/main.js'
import { startUplink } from '../../satellite/uplink.js'
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
  record: 'always' | 'off'
  logger: Logger
}

/** Starts this machine's satellite with a certificate of the authority in the state folder. */
export async function startNode(options: NodeOptions): Promise<Satellite> {
  const { paths, hub, node, logger } = options
  await mkdir(paths.spool, { recursive: true, mode: 0o700 })
  const tls = await ensureClientLeaf(paths.certs, node)
  return startSatellite({
    node,
    connect: (ends) =>
      startUplink({ hub, node, tls, spoolDir: paths.spool, logger, ...ends, ...serverName(hub) }),
    seccompRoot: options.seccompRoot,
    socketPath: paths.satelliteSocket,
    runcRoots: options.runcRoots,
    containerdSocket: options.containerdSocket,
    record: options.record,
    logger
  })
}

/** TLS has no server names for IP addresses (RFC 6066, section 3): on this machine the hub is `localhost`. */
function serverName(hub: string): { serverName?: string } {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]):/.test(hub) ? { serverName: 'localhost' } : {}
}
