import type { decide } from '../../../src/rules/decide.js'
import type { ConfinementState, DriftKind } from '../../../src/confinement/state.js'
import type { RecordingGap } from '../../../src/history/recording-gap.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import { ownProfileOf } from '../../../src/seccomp/render/own.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { ContainerIdentity } from './pod-facts.js'

/** Returns the short name of the revision in force, or each name it may have. Secco's own profiles are of no object. */
export function revisionText({
  profile,
  revision,
  sharedWith
}: Pick<ContainerView, 'profile' | 'revision' | 'sharedWith'>): string {
  if (profile === '') return shortRevision(ownProfileOf(revision)?.program ?? 'own', revision)
  return [profile, ...sharedWith].map((one) => shortRevision(one, revision)).join(' or ')
}

/**
 * Returns whether a change of a profile reaches a container when it starts again: it runs under the profile, or it runs
 * under none and the profile learns from it.
 * @param key `namespace/name`
 */
export function isReachedBy(
  { profile, sharedWith, learned }: Pick<ContainerView, 'profile' | 'sharedWith' | 'learned'>,
  key: string
): boolean {
  return profile === '' ? learned === key : profile === key || sharedWith.includes(key)
}

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
  /** Profiles with the same content, one of which it may run under: nothing shows which was assigned. */
  sharedWith: readonly string[]
  /** The profile that its calls are learned into, as `namespace/name`. */
  learned: string
  /** The revision in force, or the one that was promised where none is. */
  revision: string
  /** The revision that a new container would get. */
  wanted: string
  stale: boolean
  canary: boolean
  /** A person put it into a running pod (kubectl debug): it is not learned from and gets no profile. */
  ephemeral: boolean
  /** Its pod opts out by its label, where that counts: rules decide nothing for it. */
  optedOut: boolean
  drift: { kind: DriftKind; message: string; since: string }[]
  unprotected: { rule: string; message: string; since: string } | null
  checked: string
  /** The revision's file on its node: ok, missing or changed; empty where no file is expected. */
  disk: string
  /** Number of denied calls of this run, without muted ones; those on purpose count as `expected`. */
  denials: number
  expected: number
  risk: number
  restarts: number
  /**
   * Number of different calls since the recorder was made, so it may be less than what its profile has; null until its
   * node has reported what it used: a running container has made some.
   */
  syscalls: number | null
  startedAt: string
  since: string
  /** Times in its life in which its node recorded nothing. */
  gaps: RecordingGap[]
}

/**
 * A ContainerListener gets the views that changed and the last views of containers that are gone: they ended, or
 * `isAway`: their node is away, and they may still run.
 */
export type ContainerListener = (
  changed: readonly ContainerView[],
  gone: readonly ContainerView[],
  isAway?: boolean
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
  /** Returns the views of the containers that a change of a profile reaches (`isReachedBy`), as `peek`. */
  reachedBy(profile: string): ContainerView[]
  /** Returns the view of the newest run of a container of a node, as `peek`. */
  peekContainer(node: string, container: string): ContainerView | undefined
  /** Returns the labels of the pod, or of the container outside of pods; none for a container that is gone. */
  labelsOf(id: string): Labels
  /** Returns whether a container of this name runs in the pod, as its node reports. */
  isRunning(podUid: string, name: string): boolean
  /**
   * Returns what the rules decide now for a container.
   * @param profiles default: those of the snapshot; with others, what they would decide
   */
  decided(id: string, profiles?: ReadonlyMap<string, ProfileState>): DecidedContainer | undefined
  /** Returns how to stop. */
  onChange(listener: ContainerListener): () => void
  close(): void
}
