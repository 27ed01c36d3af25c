import type {
  Condition,
  NodeStatus,
  Observation,
  Revision,
  RevisionRef,
  RevisionStatus,
  SatelliteMessage
} from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'

/**
 * PEM texts: the authorities that may have signed the hub's certificate, and the node's own pair where
 * that is its proof.
 */
export interface UplinkTls {
  ca: string
  cert?: string
  key?: string
}

/** All in milliseconds. */
export interface UplinkTiming {
  /** Observations are collected this long before they are sent. */
  coalesceMs: number
  /** What the hub has not acked after about this long is spooled; without a hub at once. */
  saveMs: number
  /** What was not acked is sent again after this long. */
  resendMs: number
  heartbeatMs: number
  /** Bounds of the waits between attempts to connect. */
  firstMs: number
  baseMs: number
  mostMs: number
  /** `flush` and `close` wait for acks this long. */
  flushMs: number
}

export const defaultTiming: UplinkTiming = {
  coalesceMs: 200,
  saveMs: 3000,
  resendMs: 30_000,
  heartbeatMs: 20_000,
  firstMs: 250,
  baseMs: 1000,
  mostMs: 60_000,
  flushMs: 5000
}

export interface UplinkOptions {
  /** `host:port` of the hub. */
  hub: string
  /** Must be the certificate's CN, or the node of the token's pod. */
  node: string
  tls: UplinkTls
  /** ServiceAccount token instead of a certificate of the node. */
  token?: string
  spoolDir: string
  logger: Logger
  /** Installs a revision and says what became of it. Called one at a time, in order. */
  onRevision: (revision: Revision) => Promise<RevisionStatus>
  /** The complete list of what this node should hold. */
  onDesired?: (revisions: RevisionRef[]) => Promise<void> | void
  status: () => NodeStatus
  /** Files that are on this node and verified; read at each connection. */
  holding: () => readonly RevisionRef[] | Promise<readonly RevisionRef[]>
  /** The hub took this node in: what it keeps in memory only can be told from the beginning. */
  onWelcome?: () => void
  /** There is room again for what was given up although its container had not ended: ids of observations. */
  onRoom?: (ids: readonly string[]) => void
  /** Name that the hub's certificate is checked against, when it is not the host of `hub`. */
  serverName?: string
  timing?: Partial<UplinkTiming>
}

/** The satellite's one connection to its hub. */
export interface Uplink {
  /** Takes a cumulative observation; it is sent, and spooled until acked. Never blocks or throws. */
  offer(observation: Observation): void
  /** Tells the hub that a file's state changed by itself (a retry worked, a file was lost). */
  report(status: RevisionStatus): void
  /** Sends something that is not kept: false while no hub listens. */
  tell(message: NonNullable<SatelliteMessage['body']>): boolean
  /** Sends `status()` where it differs from what this hub was told; at any time. */
  statusChanged(): void
  readonly connected: boolean
  /** Observations that the hub has not acked, and why they cannot be spooled, when they cannot. */
  backlog(): { waiting: number; dropped: number; problem: string | undefined }
  /** Resolves when everything offered until now is acked or spooled; rejects when neither works. */
  durable(): Promise<void>
  /** Resolves when everything offered is acked; with the hub away (or too slow), spooled. */
  flush(): Promise<void>
  /** New certificate: the connection is made anew with it. */
  setTls(tls: UplinkTls): void
  /** New token: the hub is told, the stream stays. */
  setToken(token: string): void
  /** What the hub refused for good, for the node's status. */
  conditions(): Condition[]
  close(): Promise<void>
}
