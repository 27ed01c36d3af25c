import type { State } from './parts.js'

/** One running container: what was decided for it, and what its kernel really enforces. */
export interface InventoryItem {
  /** Stable for one run. */
  key: string
  node: string
  runtime: string
  id: string
  name: string
  namespace: string
  pod: string
  image: string
  /** `Deployment/web`, `Container/web` */
  workload: string
  state:
    | 'unconfined'
    | 'runtime-default'
    | 'audit'
    | 'enforced'
    | 'other'
    | 'not-protectable'
    | 'starting'
  /** One sentence: why this state. */
  why: string
  /** `namespace/name`; empty without one. */
  profile: string
  learned: string
  /** In force, and what a new container would get. */
  revision: string
  wanted: string
  stale: boolean
  canary: boolean
  drift: readonly { kind: string; message: string; since: string }[]
  unprotected: { rule: string; message: string; since: string } | null
  denials: number
  startedAt: string
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
