import type { decide } from '../../../src/rules/decide.js'
import type { ConfinementState, DriftKind } from '../../../src/confinement/state.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Who } from './pod-facts.js'

/** One running container as CLI, pages and API show it: what was decided for it, and what its kernel enforces. */
export interface ContainerView {
  /** Stable for one run. */
  key: string
  node: string
  runtime: string
  id: string
  name: string
  namespace: string
  pod: string
  podUid: string
  image: string
  pid: number
  /** `Deployment/web`, `Container/web`. */
  workload: string
  state: ConfinementState
  /** One sentence: why this state. */
  why: string
  /** `namespace/name`; empty without one. */
  profile: string
  /** The profile that it teaches; the same form. */
  learned: string
  /** In force, and what a new container would get. */
  revision: string
  wanted: string
  stale: boolean
  canary: boolean
  /** Put into a running pod by a person (kubectl debug): it teaches no profile and gets none. */
  ephemeral: boolean
  drift: { kind: DriftKind; message: string; since: string }[]
  unprotected: { rule: string; message: string; since: string } | null
  checked: string
  /** The revision's file on its node: ok, missing or changed; empty where none is to be there. */
  disk: string
  denials: number
  expected: number
  risk: number
  restarts: number
  syscalls: number
  startedAt: string
  since: string
}

/** The views of everything that runs, worked out once per change. */
export interface ContainerViews {
  list(): ContainerView[]
  get(id: string): ContainerView | undefined
  /** The same without its number of calls: for those who ask for very many. */
  peek(id: string): ContainerView | undefined
  /** Its pod's labels, or its own; none when it is gone. */
  labelsOf(id: string): Labels
  /** What the rules say now of a container, with who it is. */
  decided(id: string): { who: Who; decision: ReturnType<typeof decide> } | undefined
  /** Called with views that changed and keys that are gone. */
  onChange(
    listener: (changed: readonly ContainerView[], gone: readonly ContainerView[]) => void
  ): () => void
  /** Works everything out anew soon. */
  refresh(): void
  close(): void
}
