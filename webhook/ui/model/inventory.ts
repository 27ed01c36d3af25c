import type { ContainerView } from '../../confinement/containers/container-view.js'

/** The part of a container view that pages show. */
export type InventoryItem = Pick<
  ContainerView,
  | 'key'
  | 'node'
  | 'runtime'
  | 'id'
  | 'name'
  | 'namespace'
  | 'pod'
  | 'image'
  | 'workload'
  | 'state'
  | 'why'
  | 'profile'
  | 'sharedWith'
  | 'learned'
  | 'revision'
  | 'wanted'
  | 'stale'
  | 'canary'
  | 'ephemeral'
  | 'optedOut'
  | 'unprotected'
  | 'denials'
  | 'startedAt'
> & {
  /** Pages show it as text. */
  drift: readonly { kind: string; message: string; since: string }[]
}

/** Returns the profile that a container belongs to: the one that learns from it, else the one it runs under. */
export function profileOf(item: Pick<InventoryItem, 'learned' | 'profile'>): string {
  return item.learned === '' ? item.profile : item.learned
}
