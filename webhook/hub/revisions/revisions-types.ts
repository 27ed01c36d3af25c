import type { RevisionOrigin, RevisionRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Rendering, RenderOptions } from '../../../src/seccomp/render/render-types.js'
import type { FleetState } from '../nodes/readiness.js'
import type { RevisionFiles } from './revision-files.js'
import type { Store, StoreEvent } from '../../../src/store/store.js'

/** Profiles → revisions, their way to the nodes, and what the admission decision reads of it. */
export interface Revisions {
  states(): ReadonlyMap<string, ProfileState>
  /** Everything a node should hold, by path. */
  desired(): ReadonlyMap<string, RevisionRef>
  /** Of those, what nodes may keep but cannot get: pods refer to it, and its bytes are gone. */
  unavailable(): ReadonlySet<string>
  bytes(digest: string): Promise<Buffer | undefined>
  /** Of two digests (`runtime-default`: RuntimeDefault): what the first lets through, the second does too. */
  within(inner: string, outer: string): boolean
  /** Where a profile's revisions come from, for nodes to judge. */
  origin(ref: RevisionRef): RevisionOrigin | undefined
  /** The profile as the store told of it last, by `profileKey`. */
  profile(key: string): SeccompProfile | undefined
  /** Nodes that the states take account of; undefined where nodes are no objects. */
  covered(): ReadonlySet<string> | undefined
  event(event: StoreEvent): void
  /** Nodes changed: readiness and, with other runtimes, renderings may too. */
  nodesChanged(): void
  /** Verdicts are this hub's to write from now on: whatever it wrote before may have been overtaken. */
  writesBegin(): void
  /** Resolves when nothing is left to do. */
  settle(): Promise<void>
  close(): Promise<void>
}

export type Render = (
  profile: SeccompProfile,
  options: RenderOptions
) => Pick<Rendering, 'json' | 'digest'>

export interface RevisionsOptions {
  store: Store
  files: RevisionFiles
  logger: Logger
  /** The nodes as they are now. */
  fleet: () => FleetState
  /** Revisions that are wanted beside those of the profiles: pods refer to them still. */
  referred: () => Iterable<RevisionRef>
  /** Whether verdicts are written by this hub; else another one does. */
  mayWrite: () => boolean
  /** Called after each change of states or of what is desired. */
  changed: () => void
  /** Changes are collected this long. */
  debounceMs: number
  /** After a failed write. */
  retryMs: number
  /** Between two writes about nothing but the number of nodes; 0: each is written. */
  countMs: number
  render?: Render
  /** People write specs past Secco (kubectl edit): their changes are recorded among the approvals. */
  recordEdits?: boolean
}
