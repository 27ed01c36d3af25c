import type {
  NodeStatus,
  Observation,
  Revision,
  RevisionRef,
  RevisionStatus,
  RunningContainer
} from '../src/api/gen/hub.js'
import type { Logger } from '../src/lib/log.js'
import type { ContainerRegistry } from './containers/registry.js'
import type { Floor } from './revisions/floor.js'
import type { RecordMode } from './recorder/record-mode.js'
import type { Uplink } from './uplink/uplink-types.js'

/** What the satellite gives to whatever carries its words to the hub. */
export interface UplinkEnds {
  onRevision: (revision: Revision) => Promise<RevisionStatus>
  onDesired: (revisions: readonly RevisionRef[]) => void
  status: () => NodeStatus
  /** Revisions whose files are on this node and verified. */
  holding: () => RevisionRef[]
  /** A hub took this node in. */
  onWelcome: () => void
  /** These are to be offered again. */
  onRoom: (ids: readonly string[]) => void
}

/** What the satellite needs of its connection: startUplink of uplink.ts gives it, tests their own. */
export type SatelliteUplink = Pick<
  Uplink,
  'offer' | 'report' | 'statusChanged' | 'connected' | 'durable' | 'flush' | 'close'
> &
  Partial<Pick<Uplink, 'conditions' | 'tell' | 'backlog'>>

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
  /** `unprofiled` attaches only while something needs it; `off` delivers revisions and records nothing. */
  record?: RecordMode
  /** What revisions may never go below; default `approved`. */
  floor?: Floor
  /** Folder on a bpf file system: recording outlives this process. Default: it ends with it. */
  pin?: string | undefined
  /** Slots of the recorder; its default without. */
  slots?: number | undefined
  /** BTF file for a kernel that has none of its own. */
  btf?: string | undefined
  /** Milliseconds for which `unprofiled` stays attached after the last need. */
  lingerMs?: number
  logger: Logger
}

export interface Satellite {
  status(): NodeStatus
  /** Every container as of now. */
  current(): Promise<Observation[]>
  /** Every running container with its confinement, as of the last look. */
  running(): RunningContainer[]
  readonly registry: ContainerRegistry
  readonly connected: boolean
  flush(): Promise<void>
  /** `keep`: what is pinned and attached goes on recording for the next satellite. */
  close(options?: { keep?: boolean }): Promise<void>
}
