import type { CertificatePair } from '../../certs/pair.js'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { Store } from '../../src/store/store.js'
import type { DenialRows } from './denials/denial-rows.js'
import type { Discovery } from './observations/discovery.js'
import type { HubLimits } from './observations/cardinality.js'
import type { ReviewToken } from './stream/identity.js'
import type { HubCluster } from './nodes/hub-cluster.js'
import type { HubTiming } from './hub-timing.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { NodeState } from './nodes/nodes.js'
import type { Denial } from './denials/denial.js'
import type { PlacedPods, PlainContainers } from './observations/pod-check.js'
import type { Readiness } from './nodes/readiness.js'
import type { RefusalReason } from './stream/refusals.js'
import type { Render } from './revisions/revisions.js'
import type { Address } from './stream/tls-front.js'
import type { FleetSets } from './nodes/used-sets.js'

export interface HubOptions {
  store: Store
  listen: Address
  tls: CertificatePair
  /** Folder for the bytes of revisions and the nodes known. */
  revisionsDir: string
  logger: Logger
  render?: Render
  timing?: Partial<HubTiming>
  /** Reviews satellites' tokens; without it only client certificates count. They count in any case. */
  reviewToken?: ReviewToken
  /**
   * The pods of the cluster: observations count only for those that run on the node that speaks.
   * Without it (no cluster) a satellite is believed.
   */
  pods?: PlacedPods
  /** With `pods`: what becomes of containers that belong to none; default `refuse`. */
  plainContainers?: PlainContainers
  limits?: Partial<HubLimits>
  /** In a cluster: our own user name, whose approvals a policy's are; and edits past Secco are recorded. */
  approver?: string
  /** In a cluster: what the API server and the other hubs know. */
  cluster?: HubCluster
}

/** The service that collects observations and distributes revisions. */
export interface Hub {
  address: Address
  /** By `profileKey`; a new map after each change. */
  profiles(): ReadonlyMap<string, ProfileState>
  /** Of two revisions' digests: what the first lets through, the second does too. Quick, for decisions. */
  within(inner: string, outer: string): boolean
  nodes(): NodeState[]
  /** What one of them told of itself last; without a copy of all. */
  node(name: string): Pick<NodeState, 'connected' | 'status'> | undefined
  /** Which nodes have the revision of that path, those of other hubs included. */
  readiness(path: string): Readiness
  /** Nodes that `profiles` takes account of; undefined outside a cluster. */
  covered(): ReadonlySet<string> | undefined
  /** Everything that its nodes should hold, by path. */
  desired(): ReadonlyMap<string, RevisionRef>
  /** Whether the node is connected and holds all of it that can be had. */
  isComplete(node: string): boolean
  /** Refused syscalls, newest last; the hub remembers a thousand. */
  denials(): Denial[]
  /** When which instance brought which call, and how often each was made. */
  discovery: Discovery
  /** How often something that satellites sent was refused, by reason. */
  refused(): Readonly<Record<RefusalReason, number>>
  /** The same, added up by who asked what; with news as they come. */
  readonly denialRows: DenialRows
  /** Every container that runs on any node. */
  readonly inventory: FleetInventory
  /** The calls that they used so far. */
  readonly sets: FleetSets
  /** Bytes of a revision that was rendered here; undefined when they are not kept. */
  bytes(digest: string): Promise<Buffer | undefined>
  /** Called after profiles or nodes changed. Returns how to stop. */
  onChange(listener: () => void): () => void
  /** For new connections; CERTIFICATE_INVALID leaves the old pair. */
  setCertificate(pair: CertificatePair): void
  /** Resolves when everything received is written and every profile's state is worked out. */
  flush(): Promise<void>
  close(): Promise<void>
}
