import type { NodeStatus } from '../../../src/api/gen/hub.js'
import type { CarriedLosses } from './carried-losses.js'

/** NodeProblem is a revision that a node could not make ready. */
export interface NodeProblem {
  namespace: string
  profile: string
  digest: string
  /** A code of src/lib/errors.ts, from the satellite. */
  code: string
  message: string
}

export interface NodeState {
  name: string
  connected: boolean
  /** RFC 3339. */
  lastSeen: string
  bootId: string
  version: string
  status: NodeStatus | undefined
  /**
   * Paths (`revisionPath`) of the verified files on the node. They are paths, not digests: two profiles can have the
   * same content, and each needs its own file.
   */
  holding: ReadonlySet<string>
  /** By path. */
  problems: ReadonlyMap<string, NodeProblem>
  /** Keys of the profiles (`profileKey`) that it holds up: it has lacked their revisions for long. */
  holdsUp?: readonly string[]
  /** Another hub, or an earlier process, knew it; it has not connected to this hub yet. */
  inherited?: boolean
}

/** KnownNode is what a hub saves of a node: files stay on nodes while the hub restarts. */
export interface KnownNode {
  name: string
  /** Whether it was connected when it was saved: then it was seen until the hub ended. */
  connected?: boolean
  lastSeen: string
  holding: Iterable<string>
  carried?: CarriedLosses
  /** Saved because every rendering depends on the runtimes of the fleet. */
  status?: NodeStatus
}
