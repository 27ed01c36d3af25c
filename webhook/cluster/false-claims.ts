import { decide } from '../../src/rules/decide.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { SnapshotHistory } from './snapshot-history.js'
import { type ContainerNames, factsOf } from './unpatched-pods.js'
import type { ClusterChange, ClusterPod, ClusterView } from './watch/cluster-view.js'
import { carriedAssignment } from './watch/carried-assignment.js'

/**
 * How long before a pod the decision about it must have been the same: other replicas hear of changes later, and the clock of
 * the API server is another one.
 */
const marginMs = 60_000
/** Older pods were there before this hub saw them: what was decided about them is not known. */
const freshMs = 30_000
const none: ReadonlySet<string> = new Set()

/** Most pods carry no decision: one object serves all of them. */
const every: ContainerNames = { has: () => true }

const withNames = (names: ReadonlySet<string>, more: readonly string[]): ReadonlySet<string> =>
  more.length === 0 ? names : new Set([...names, ...more])

/**
 * FalseClaims finds containers whose entry in `secco.dev/assigned` no webhook can have written. While the webhook is away,
 * the author of a pod may write one; whoever may update the pod writes one later, because nothing reviews that. Such are:
 *
 * - an entry that came after the pod: a decision is written at creation only, with the spec that it gives;
 * - one that says that Secco decided for RuntimeDefault although before, while and after the pod was stored the decision was
 *   another one.
 *
 * A hub that starts later sees the pod first with its entry: then it believes it.
 */
export class FalseClaims {
  readonly #now: () => number
  readonly #history = new SnapshotHistory(marginMs + freshMs)
  readonly #pods = new Map<string, ContainerNames>()

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Notes which snapshot is in force. */
  see(snapshot: Snapshot): void {
    this.#history.see(snapshot, this.#now())
  }

  /** Returns the containers of a pod; it is judged when it is seen first, so each state of it has to be seen. */
  of(pod: ClusterPod): ContainerNames {
    const known = this.#pods.get(pod.uid)
    if (known !== undefined) return known
    const names = pod.containers.map(({ name }) => name)
    const bare = names.filter((name) => carriedAssignment(pod, name) === undefined)
    const found = bare.length === names.length ? every : withNames(this.#judge(pod, names), bare)
    this.#pods.set(pod.uid, found)
    return found
  }

  /** Sees one change of the cluster. A state from before the listener was there is the first that is known of the pod. */
  note(change: ClusterChange): void {
    if (change.kind !== 'pod') return
    if (change.after === undefined) this.#pods.delete(change.uid)
    else this.of(change.before ?? change.after)
  }

  #judge(pod: ClusterPod, names: readonly string[]): ReadonlySet<string> {
    const created = Date.parse(pod.createdAt)
    const known = this.#history.since
    if (known === undefined || known > created - marginMs) return none
    if (this.#now() - created > freshMs) return none
    let claims = names.filter((name) => carriedAssignment(pod, name)?.outcome !== 'assigned')
    for (const snapshot of this.#history.back(created - marginMs)) {
      // Then the decision depends on how many pods there were.
      if (claims.length === 0 || snapshot.canaries) return none
      const { containers } = decide(snapshot, factsOf(pod))
      const assigned = containers.filter(
        ({ outcome, mode }) => outcome === 'assigned' && mode === 'enforce'
      )
      claims = claims.filter((name) => assigned.some(({ container }) => container === name))
    }
    return claims.length === 0 ? none : new Set(claims)
  }
}

/** Claims tells which containers of a pod have an entry that no webhook wrote; see FalseClaims. */
export type Claims = Pick<FalseClaims, 'of'>

/**
 * Makes FalseClaims follow all snapshots and pods. It has to be the first that follows the view: a pod is judged by the
 * state in which it is seen first.
 */
export function watchClaims(
  view: Pick<ClusterView, 'onChange'>,
  snapshots: { current: () => Snapshot; onChange: (listener: () => void) => () => void },
  now?: () => number
): { claims: Claims; stop: () => void } {
  const claims = new FalseClaims(now)
  const see = (): void => claims.see(snapshots.current())
  see()
  const stops = [snapshots.onChange(see), view.onChange((change) => claims.note(change))]
  return {
    claims,
    stop() {
      for (const stop of stops) stop()
    }
  }
}
