import type { SeccompProfile, WorkloadRef } from '../api/seccomp-profile.js'

/** State of a profile for the admission decision: computed by the hub, read from a snapshot. */
export interface RevisionState {
  /** `sha256:<hex>` of the canonical bytes. */
  digest: string
  /** Value of `localhostProfile`: `secco/<namespace>/<profile>/<hex>.json`. */
  path: string
  /** Every node has acknowledged the file. */
  ready: boolean
  /** Whether it allows nothing that RuntimeDefault denies; absent if not compared. */
  withinDefault?: boolean
  /** Names of the nodes that lack it; absent where nodes are not known as objects of a cluster. */
  lacking?: readonly string[]
}

export interface ProfileState {
  namespace: string
  name: string
  /** A person or a policy approved at least once; without it there is nothing to enforce or audit. */
  approved: boolean
  /** The container that it was learned from, `spec.workload.container`; absent: it is for every container of a pod. */
  container?: string
  /** The workload that it was learned from, from `spec.workload`. */
  workload?: Pick<WorkloadRef, 'kind' | 'name'>
  enforce?: RevisionState
  audit?: RevisionState
  /** The enforce revision before the newest one, for whenNotReady: Previous. */
  previous?: RevisionState
  ladder?: LadderState
  /** The mode of the label `secco.dev/profile` while there is no ladder, where that is not enforce: see `labelModeOf`. */
  labelMode?: 'audit'
}

export type LadderMode = 'learn' | 'audit' | 'enforce'

/** The ladder of a workload, resolved to revisions. */
export interface LadderState {
  mode: LadderMode
  /** Revision to use instead of the newest one of that mode. */
  revision?: RevisionState
  /** This percentage of the new pods gets `mode`; the others get what was before. */
  canary?: { percent: number; from: { mode: LadderMode; revision?: RevisionState } }
}

/** Key of a profile in maps: `<namespace>/<name>`. */
export function profileKey(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Returns the namespace and the name of such a key. */
export function refOfKey(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

/** Returns the part of a profile's state that says which workload and container it was learned from. */
export function learnedFrom({
  spec
}: Pick<SeccompProfile, 'spec'>): Pick<ProfileState, 'container' | 'workload'> {
  if (spec.workload === undefined) return {}
  const { kind, name, container = '' } = spec.workload
  return { workload: { kind, name }, ...(container === '' ? {} : { container }) }
}
