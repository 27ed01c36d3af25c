import type { Recorder, SelfTest } from '../../native/types.js'
import type { Condition, Losses, Observation, RefusedCalls } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { AuditedCalls } from '../denials/audited-calls.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'

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
  /** Milliseconds between two looks at the slots (default 250); a busy node is looked at less often (look-pace.ts). */
  intervalMs?: number
  selfTest?: boolean
  /** The self-test that this recorder passed just now: the first one is not made again. */
  tested?: SelfTest
  /** What the audit log tells of denials, where it can be read. */
  audited?: AuditedCalls
  /** False: begins detached, until `attach()`. */
  attach?: boolean
  /**
   * Resolves when what was given to onObservation survives this process. A slot is free only after
   * that: whatever kills the satellite, its set is in the kernel or on the disk.
   */
  durable?: () => Promise<void>
  /** What was refused since that was told last, as soon as it is seen. */
  onRefused?: (calls: readonly RefusedCalls[]) => void
  /** A slot got its name. */
  onNamed?: (container: Container) => void
  /** Containers of which nothing is known, counted by whoever attaches and detaches. */
  missed?: () => number
  /** Observations that found no room on their way to the hub. */
  givenUp?: () => number
}

export interface RecorderLoop {
  /** What is known of every container now, counts as of this call. */
  current(): Promise<Observation[]>
  /** Says of running ones again what they are: what was said of them is lost. @param ids of observations */
  again(ids: readonly string[]): void
  /** Reports to `onRefused` every refused call of the running ones: a new hub knows none of them. */
  refusedAgain(): void
  losses(): Losses
  conditions(): Condition[]
  /** Attaches at once, then adopts what runs already. */
  attach(): Promise<void>
  /** A last look at everything, then detaches, unless `wanted` says otherwise by then. */
  detach(wanted?: () => boolean): Promise<void>
  /** A last look at everything, then ends the recorder. `keep`: what is pinned records on. */
  stop(options?: { keep?: boolean }): Promise<void>
}
