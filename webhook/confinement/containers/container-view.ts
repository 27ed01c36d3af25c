import type { decide } from '../../../src/rules/decide.js'
import type { ConfinementState, DriftKind } from '../../../src/confinement/state.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { ContainerIdentity } from './pod-facts.js'

/** ContainerView is one running container as CLI, pages and API show it. */
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
  /** One sentence: the reason for the state. */
  why: string
  /** `namespace/name`; empty without a profile. */
  profile: string
  /** The profile that its calls are learned into, as `namespace/name`. */
  learned: string
  /** The revision in force. */
  revision: string
  /** The revision that a new container would get. */
  wanted: string
  stale: boolean
  canary: boolean
  /** A person put it into a running pod (kubectl debug): it is not learned from and gets no profile. */
  ephemeral: boolean
  drift: { kind: DriftKind; message: string; since: string }[]
  unprotected: { rule: string; message: string; since: string } | null
  checked: string
  /** The revision's file on its node: ok, missing or changed; empty where no file is expected. */
  disk: string
  denials: number
  expected: number
  risk: number
  restarts: number
  syscalls: number
  startedAt: string
  since: string
}

/** A ContainerListener gets the views that changed and the last views of containers that are gone. */
export type ContainerListener = (
  changed: readonly ContainerView[],
  gone: readonly ContainerView[]
) => void

/** DecidedContainer is what the rules decide now for a container, and its identity. */
export interface DecidedContainer {
  identity: ContainerIdentity
  decision: ReturnType<typeof decide>
}

/** ContainerViews holds the view of every running container, computed once per change. */
export interface ContainerViews {
  list(): ContainerView[]
  get(id: string): ContainerView | undefined
  /** Returns the view without its number of syscalls, which is cheaper for many containers. */
  peek(id: string): ContainerView | undefined
  /** Returns the labels of the pod, or of the container outside of pods; none for a container that is gone. */
  labelsOf(id: string): Labels
  /** Returns whether a container of this name runs in the pod, as its node reports. */
  isRunning(podUid: string, name: string): boolean
  decided(id: string): DecidedContainer | undefined
  /** Returns how to stop. */
  onChange(listener: ContainerListener): () => void
  /** Computes all views again, after a short delay. */
  refresh(): void
  close(): void
}
