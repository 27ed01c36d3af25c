/** What the admission decision knows of a profile: computed by the hub, read from a snapshot. */
export interface RevisionState {
  /** `sha256:<hex>` of the canonical bytes. */
  digest: string
  /** What goes into `localhostProfile`: `secco/<namespace>/<profile>/<hex>.json`. */
  path: string
  /** Every node has acknowledged the file. */
  ready: boolean
  /** It lets nothing through that RuntimeDefault refuses; absent: nobody has looked. */
  withinDefault?: boolean
  /** Names of the nodes that lack it; absent where nodes are not known as objects of a cluster. */
  lacking?: readonly string[]
}

export interface ProfileState {
  namespace: string
  name: string
  /** A person or a policy approved at least once; without it there is nothing to enforce or audit. */
  approved: boolean
  enforce?: RevisionState
  audit?: RevisionState
  /** The enforce revision before the newest one, for whenNotReady: Previous. */
  previous?: RevisionState
  ladder?: LadderState
}

export type Rung = 'learn' | 'audit' | 'enforce'

/** Where people put a workload, resolved to revisions. */
export interface LadderState {
  mode: Rung
  /** Instead of the newest one of that mode. */
  revision?: RevisionState
  /** So many percent of the new pods get `mode`; the others what was before. */
  canary?: { percent: number; from: { mode: Rung; revision?: RevisionState } }
}

/** Key of a profile in maps: `<namespace>/<name>`. */
export function profileKey(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Path of a revision's file below the kubelet's seccomp root. */
export function revisionPath(namespace: string, name: string, digest: string): string {
  return `secco/${namespace}/${name}/${digest.replace(/^sha256:/, '')}.json`
}
