import { mkdir } from 'node:fs/promises'
import { ensureClientLeaf } from '../../certs/files.js'
import type { Floor } from '../../satellite/floor.js'
import { startSatellite } from '../../satellite/main.js'
import type { RecordMode } from '../../satellite/record-mode.js'
import { checkToken, watchFile } from '../../satellite/token-file.js'
import { startUplink } from '../../satellite/uplink.js'
import type { Uplink, UplinkTls } from '../../satellite/uplink-types.js'
import type { NodeStatus } from '../api/gen/hub.js'
import type { SeccoError } from '../errors.js'
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
  floor?: Floor
  /** In a cluster: the ServiceAccount's token and the hub's authority, read again when they change. */
  token?: { tokenFile: string; caFile: string } | undefined
  logger: Logger
}

export interface RunningNode {
  status(): NodeStatus
  /** `keep`: what is pinned goes on recording. */
  close(options?: { keep?: boolean }): Promise<void>
}

const renewalCheckMs = 3_600_000

/** What this node proves itself with, kept new. */
interface Proof {
  tls: UplinkTls
  token?: string
  /** From here on the uplink is told of what is new. */
  follow(uplink: Uplink): void
  stop(): void
}

/** A certificate of the authority in the state folder, renewed in time. */
async function certificateProof({ paths, node, logger }: NodeOptions): Promise<Proof> {
  let leaf = await ensureClientLeaf(paths.certs, node)
  let uplink: Uplink | undefined
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
    tls: leaf,
    follow: (given) => {
      uplink = given
    },
    stop: () => clearInterval(renewal)
  }
}

/** A projected ServiceAccount token, and the authorities that sign the hub's certificate. */
async function tokenProof(
  { tokenFile, caFile }: NonNullable<NodeOptions['token']>,
  logger: Logger
): Promise<Proof> {
  let uplink: Uplink | undefined
  const onProblem = ({ code, message }: SeccoError) => logger.error({ code }, message)
  const authority = await watchFile({
    path: caFile,
    onProblem,
    onChange: (ca) => {
      uplink?.setTls({ ca })
      logger.info('authority of the hub renewed')
    }
  })
  const token = await watchFile({
    path: tokenFile,
    check: checkToken,
    onProblem,
    onChange: (text) => {
      uplink?.setToken(text)
      logger.info('token renewed')
    }
  })
  return {
    tls: { ca: authority.text },
    token: token.text,
    follow: (given) => {
      uplink = given
    },
    stop() {
      authority.stop()
      token.stop()
    }
  }
}

/** Starts this machine's satellite with a certificate of the state folder's authority, or with a token. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { paths, hub, node, logger } = options
  await mkdir(paths.spool, { recursive: true, mode: 0o700 })
  const { token: files } = options
  const proof = await (files === undefined ? certificateProof(options) : tokenProof(files, logger))
  const satellite = await startSatellite({
    node,
    connect: async (ends) => {
      const uplink = await startUplink({
        ...{ hub, node, logger, tls: proof.tls, spoolDir: paths.spool },
        ...(proof.token === undefined ? {} : { token: proof.token }),
        ...ends,
        ...serverName(hub)
      })
      proof.follow(uplink)
      return uplink
    },
    seccompRoot: options.seccompRoot,
    socketPath: paths.satelliteSocket,
    runcRoots: options.runcRoots,
    containerdSocket: options.containerdSocket,
    record: options.record,
    ...(options.floor === undefined ? {} : { floor: options.floor }),
    ...(options.pin === undefined ? {} : { pin: options.pin }),
    logger
  }).catch((error: unknown) => {
    proof.stop()
    throw error
  })
  return {
    status: () => satellite.status(),
    close: async (how) => {
      proof.stop()
      await satellite.close(how)
    }
  }
}

/** TLS has no server names for IP addresses (RFC 6066, section 3): on this machine the hub is `localhost`. */
function serverName(hub: string): { serverName?: string } {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]):/.test(hub) ? { serverName: 'localhost' } : {}
}
