import type { CertificatePair } from '../../certs/pair.js'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { RenderOptions } from '../../src/seccomp/render/render-types.js'
import type { Store } from '../../src/store/store.js'
import type { DenialRows } from './denials/denial-rows.js'
import type { Discovery } from './observations/discovery.js'
import type { IntakeLoad } from './observations/observation-intake.js'
import type { HubLimits } from './observations/cardinality.js'
import type { ReviewToken } from './stream/identity.js'
import type { HubCluster } from './nodes/hub-cluster.js'
import type { HubTiming } from './hub-timing.js'
import type { HistoryRecorder } from './history/history-recorder.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { NodeState } from './nodes/node-state.js'
import type { Denial } from './denials/denial.js'
import type { CollectedNode } from './observations/collections.js'
import type { Unwritten } from './observations/observation-writer.js'
import type { PlacedPods, PlainContainers } from './observations/pod-check.js'
import type { Readiness } from './nodes/readiness.js'
import type { RejectionReason } from './stream/rejections.js'
import type { ReplicaLink } from './stream/replica-link.js'
import type { Render } from './revisions/profile-renderer.js'
import type { Unblocked } from './revisions/unblocked.js'
import type { Address } from './stream/tls-listener.js'
import type { FleetTraces } from './traces/fleet-traces.js'
import type { FleetSets } from './nodes/used-sets.js'

export interface HubOptions {
  store: Store
  listen: Address
  tls: CertificatePair
  /** Folder for the bytes of revisions and the known nodes. */
  revisionsDir: string
  logger: Logger
  render?: Render
  timing?: Partial<HubTiming>
  /** Reviews the tokens of satellites; without it only client certificates count. Those always count. */
  reviewToken?: ReviewToken
  /**
   * The pods of the cluster: observations count only for pods on the node that reports them. Without a cluster the hub
   * believes its satellites.
   */
  pods?: PlacedPods
  /** With `pods`: the option for containers outside pods; default `reject`. */
  plainContainers?: PlainContainers
  limits?: Partial<HubLimits>
  /** In a cluster: the user name of the hub, in approvals by policy; and edits without Secco are recorded. */
  approver?: string
  /** In a cluster: what the API server and the other hubs report. */
  cluster?: HubCluster
}

/** RecordedRun is one run of a container that was recorded. */
export interface RecordedRun {
  /** See `runOf`. */
  run: string
  node: string
  /** The id that its runtime gave it, at most 128 characters of it. */
  container: string
}

/** Recorded is what the store may lack of a profile after everything was asked for and written. */
export interface Recorded extends Unwritten {
  nodes: CollectedNode[]
  /** The recorded runs of its entry points, each with the id of its container; absent: from an earlier hub. */
  runs?: RecordedRun[]
}

/** Hub is the service that collects observations and distributes revisions. */
export interface Hub {
  address: Address
  /** Returns the states by `profileKey`; a new map after each change. */
  profiles(): ReadonlyMap<string, ProfileState>
  /** Returns whether the second digest's revision allows all that the first one allows. Fast enough for decisions. */
  within(inner: string, outer: string): boolean
  nodes(): NodeState[]
  /** Returns what one node last reported of itself, without a copy of all nodes. */
  node(name: string): Pick<NodeState, 'connected' | 'status' | 'inherited' | 'bootId'> | undefined
  /** Returns which nodes have the revision with that path, also nodes of other hubs. */
  readiness(path: string): Readiness
  /** Returns the nodes that `profiles` takes account of; undefined outside a cluster. */
  covered(): ReadonlySet<string> | undefined
  /** Returns what every rendering depends on of the nodes. */
  rendering(): Pick<RenderOptions, 'runtimes' | 'machine'>
  /** Returns every revision that the nodes should have, by path. */
  desired(): ReadonlyMap<string, RevisionRef>
  /** Returns what the emergency overlay leaves of the desired revisions. */
  unblocked(): Unblocked
  /** Returns whether the node is connected and has every desired revision whose bytes exist. */
  isComplete(node: string): boolean
  /** Returns the last thousand denials, the newest last. */
  denials(): Denial[]
  /** Records when each instance first used each syscall, and how often. */
  discovery: Discovery
  /** Returns how often the hub rejected something that satellites sent, by reason. */
  rejected(): Readonly<Record<RejectionReason, number>>
  /** Returns how many observations are not written yet, and how often a satellite was slowed down. */
  load(): IntakeLoad
  /** Asks every connected node for what it recorded until now, and writes what waits of one profile. */
  recorded(namespace: string, profile: string): Promise<Recorded>
  /** The denials in sums by caller and syscall, with a listener for news. */
  readonly denialRows: DenialRows
  /** Every running container of every node. */
  readonly inventory: FleetInventory
  /** The syscalls that those containers have used so far. */
  readonly sets: FleetSets
  /** What happened to workloads, as the store keeps it. */
  readonly history: HistoryRecorder
  /** Traces of running containers on any node. */
  readonly traces: FleetTraces
  /** Returns the bytes of a revision that was rendered here; undefined when they are not kept. */
  bytes(digest: string): Promise<Buffer | undefined>
  /** Calls the listener after profiles or nodes changed. Returns a function that stops this. */
  onChange(listener: () => void): () => void
  /** Connections between the replicas of this hub. */
  readonly replicas: Pick<ReplicaLink, 'serve' | 'dial'>
  /** Uses the pair for new connections; CERTIFICATE_INVALID keeps the old pair. */
  setCertificate(pair: CertificatePair): void
  /** Resolves when everything received is written and every profile's state is computed. */
  flush(): Promise<void>
  /** Writes, and so acks, everything at once from now on: a program that ends waits for that. */
  hurry(): Promise<void>
  /** Records that this hub stops by itself, and flushes: to be called while it is the active one. */
  stopping(): Promise<void>
  close(): Promise<void>
}
