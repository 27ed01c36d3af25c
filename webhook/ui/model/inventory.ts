import type { ContainerView } from '../../confinement/containers/container-view.js'
import type { State } from '../parts/parts.js'

/** What pages show of a running container. */
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
  | 'learned'
  | 'revision'
  | 'wanted'
  | 'stale'
  | 'canary'
  | 'ephemeral'
  | 'unprotected'
  | 'denials'
  | 'startedAt'
> & {
  /** Text to a page, whatever it says. */
  drift: readonly { kind: string; message: string; since: string }[]
}

/** How the fleet's bar and its tables call a container's state. */
export function stateOf(item: Pick<InventoryItem, 'state' | 'learned' | 'profile'>): State {
  switch (item.state) {
    case 'unconfined':
      return 'unconfined'
    case 'audit':
      return 'audit'
    case 'enforced':
    case 'other':
      return 'enforce'
    case 'not-protectable':
      return 'none'
    default:
      return item.learned === '' ? 'default' : 'learn'
  }
}

/** The profile that a container belongs to: the one it runs under, else the one it teaches. */
export function profileOf(item: Pick<InventoryItem, 'learned' | 'profile'>): string {
  return item.learned === '' ? item.profile : item.learned
}
