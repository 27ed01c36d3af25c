import type { RevisionOrigin, RevisionRef } from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { StoreEvent } from '../../src/store/store.js'

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
