import type { ProfileState } from '../src/rules/profile-state.js'
import { buildSnapshot, type Snapshot, type SnapshotSource } from '../src/rules/snapshot.js'
import type { ObjectCache } from './object-cache.js'

/** Keeps the one snapshot that decisions read, rebuilt when rules or readiness change. */
export interface SnapshotFeed {
  current(): Snapshot
  stop(): void
}

/**
 * Follows the objects and the hub. Changes are coalesced for `debounceMs`, then the new snapshot
 * replaces the old one in one assignment, so a decision sees either all of a change or none of it.
 */
export function startSnapshotFeed(
  objects: ObjectCache,
  hub: {
    profiles(): ReadonlyMap<string, ProfileState>
    onChange(listener: () => void): () => void
  },
  options: NonNullable<SnapshotSource['options']>,
  debounceMs = 20
): SnapshotFeed {
  const build = () =>
    buildSnapshot({ rules: objects.rules(), profiles: [...hub.profiles().values()], options })
  let snapshot = build()
  let timer: NodeJS.Timeout | undefined
  const rebuild = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      snapshot = build()
    }, debounceMs)
  }
  objects.onRule(rebuild)
  const leave = hub.onChange(rebuild)
  return {
    current: () => snapshot,
    stop: () => {
      leave()
      clearTimeout(timer)
    }
  }
}
