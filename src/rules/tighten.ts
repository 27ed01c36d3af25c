import type { Reach } from './reach.js'
import { type Candidate, type Resolution, resolveWish } from './resolve.js'
import type { Snapshot } from './snapshot.js'
import { type ContainerWishes, strictness, type Wish } from './wishes.js'

/**
 * How much a container may do. `unconfined` is widest; a revision that allows no
 * syscall that the other denies is not wider; revisions that cannot be compared count as wider.
 */
type Width = 'unconfined' | 'runtime-default' | NonNullable<Resolution['revision']>

/** Result of all layers for one container. */
export interface Tightened {
  /** undefined: no layer has a wish. */
  resolution: Resolution | undefined
  /** Rules and labels of the namespace that would have loosened the result and were ignored. */
  loosening: string[]
  /** Whether the root namespace itself enforces (or rejects the pod). */
  enforcedByRoot: boolean
}

function widthOf({ revision }: Resolution): Width {
  return revision ?? 'runtime-default'
}

function isNotWider(snapshot: Snapshot, inner: Width, outer: Width): boolean {
  if (outer === 'unconfined') return true
  if (inner === 'unconfined') return false
  if (outer === 'runtime-default') return inner === outer || inner.withinDefault === true
  if (inner === 'runtime-default') return snapshot.within('runtime-default', outer.digest)
  return inner.digest === outer.digest || snapshot.within(inner.digest, outer.digest)
}

/** Rates how much a resolution achieves: a fallback counts like learning. */
function achieved({ outcome, wish, mode = wish.mode }: Resolution): number {
  return outcome === 'assigned' ? strictness[mode] : 0
}

/** Of two resolutions that are not wider, the later wins when it achieves more, or the same with less. */
function isBetter(snapshot: Snapshot, candidate: Resolution, current: Resolution): boolean {
  // A layer that only has a profile for another container leaves this one what the others give it.
  if (candidate.wish.beside === true) return false
  if (current.wish.beside === true) return true
  const gain = achieved(candidate) - achieved(current)
  if (gain !== 0) return gain > 0
  if (!isNotWider(snapshot, widthOf(current), widthOf(candidate))) return true
  const modeOf = ({ wish, mode = wish.mode }: Resolution) => mode
  return strictness[modeOf(candidate)] > strictness[modeOf(current)]
}

/** Returns the result of a wish that may not use its revision: the same as when the revision is not ready. */
function withoutRevision({ wish, profile }: Resolution): Resolution {
  const outcome = wish.whenNotReady === 'Deny' ? 'denied' : 'runtime-default'
  return { outcome, reason: 'wider', wish, ...(profile === undefined ? {} : { profile }) }
}

/** Resolves a wish whose bounded profiles count only within RuntimeDefault. */
function resolveBounded(snapshot: Snapshot, wish: Wish, reach: Reach, pod: Candidate): Resolution {
  const resolution = resolveWish(snapshot, wish, reach, pod)
  const { profile, revision } = resolution
  if (revision === undefined || profile === undefined || !wish.bounded.includes(profile)) {
    return resolution
  }
  return revision.withinDefault === true ? resolution : withoutRevision(resolution)
}

/**
 * Resolves the layers' wishes. What the platform gives, or else what the author asks for, is where it
 * begins; each further layer may take away from it and never adds: for any rules and labels of the
 * workload's people the result is not wider than without them.
 */
export function resolveLayers(
  snapshot: Snapshot,
  { root, tenants }: ContainerWishes,
  author: 'unconfined' | 'runtime-default',
  reach: Reach,
  pod: Candidate
): Tightened {
  const loosening: string[] = []
  let current = root === undefined ? undefined : resolveBounded(snapshot, root, reach, pod)
  const enforcedByRoot =
    current?.outcome === 'denied' ||
    (current?.outcome === 'assigned' && (current.mode ?? current.wish.mode) === 'enforce')
  if (current?.outcome === 'denied') return { resolution: current, loosening, enforcedByRoot }
  for (const wish of tenants) {
    const candidate = resolveBounded(snapshot, wish, reach, pod)
    if (candidate.outcome === 'denied') return { resolution: candidate, loosening, enforcedByRoot }
    const limit: Width = current === undefined ? author : widthOf(current)
    if (!isNotWider(snapshot, widthOf(candidate), limit)) {
      // A wish that is less strict by its mode (learn under an enforcing rule) does not try to loosen; it is just weaker.
      if (achieved(candidate) > 0) loosening.push(wish.source)
      current ??= withoutRevision(candidate)
      if (current.outcome === 'denied') return { resolution: current, loosening, enforcedByRoot }
    } else if (current === undefined || isBetter(snapshot, candidate, current)) current = candidate
  }
  return { resolution: current, loosening, enforcedByRoot }
}
