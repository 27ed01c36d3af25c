import type { Recorder } from '../native/types.js'
import type { Condition, Losses, Observation } from '../src/api/gen/hub.js'
import type { Logger } from '../src/log.js'
import type { Abi } from '../src/seccomp/abi.js'
import type { AuditedCalls } from './audited-calls.js'
import type { ContainerRegistry } from './containers/registry.js'
import type { Container } from './containers/runtime.js'

export interface RecorderLoopOptions {
  recorder: Recorder
  registry: ContainerRegistry
  node: string
  bootId: string
  machine: Abi
  logger: Logger
  onObservation: (observation: Observation) => void
  /** Containers to follow; the others are told to the kernel as not wanted. Default: all. */
  only?: (container: Container) => boolean
  /** Digests of the revisions on this node. */
  held?: () => ReadonlySet<string>
  /** Milliseconds between two looks at the slots (default 250). */
  intervalMs?: number
  selfTest?: boolean
  /** What the audit log tells of denials, where it can be read. */
  audited?: AuditedCalls
}

export interface RecorderLoop {
  /** What is known of every container now, counts as of this call. */
  current(): Promise<Observation[]>
  losses(): Losses
  conditions(): Condition[]
  /** A last look at everything, then detaches. The recorder is stopped. */
  stop(): Promise<void>
}
