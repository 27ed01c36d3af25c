import { machine } from 'node:os'
import { rootNamespace, revisionPath } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import {
  learnedFrom,
  type ProfileState,
  type RevisionState
} from '../../src/rules/profile-state.js'
import { previousRevisionOf } from '../../src/rules/previous-revision.js'
import { buildSnapshot, type Snapshot } from '../../src/rules/snapshot.js'
import {
  isWithin,
  type PassSet,
  passSetOf,
  runtimeDefaultPassSet
} from '../../src/seccomp/filter/pass-set.js'
import { renderProfile } from '../../src/seccomp/render/render.js'
import type { Store } from '../../src/store/store.js'

function isKnownWithin(sets: ReadonlyMap<string, PassSet>, digest: string): boolean {
  const set = sets.get(digest)
  return set !== undefined && isWithin(set, runtimeDefaultPassSet)
}

/**
 * Computes the state of a profile from documents alone, without a hub: the revision that they render to, ready as far
 * as `status.nodes` says. A profile that does not render counts as not approved; `profile show` shows why.
 */
function stateOf(
  profile: SeccompProfile,
  all: ReadonlyMap<string, SeccompProfile>,
  sets: Map<string, PassSet>
): ProfileState {
  const namespace = profile.metadata.namespace ?? rootNamespace
  const { name } = profile.metadata
  const approved = profile.spec.seccomp !== undefined
  const own = { namespace, name, ...learnedFrom(profile) }
  if (!approved) return { ...own, approved }
  const nodes = profile.status?.nodes
  const ready = nodes !== undefined && nodes.total > 0 && nodes.ready === nodes.total
  const revision = (digest: string, isReady: boolean): RevisionState => ({
    digest,
    path: revisionPath(namespace, name, digest),
    ready: isReady,
    withinDefault: isKnownWithin(sets, digest)
  })
  try {
    const resolve = (otherNamespace: string, otherName: string) =>
      all.get(`${otherNamespace}/${otherName}`)
    const render = (mode: 'audit' | 'enforce') => {
      const rendering = renderProfile(profile, { mode, resolve, machine: machine() })
      sets.set(rendering.digest, passSetOf(rendering.seccomp))
      return rendering.digest
    }
    const { status } = profile
    const previous = previousRevisionOf(status)
    // The hub rendered it for its nodes. Its rendering allows the same syscalls as ours.
    const enforced = () => {
      const digest = render('enforce')
      const known = status?.revision ?? digest
      const set = sets.get(digest)
      if (set !== undefined) sets.set(known, set)
      return known
    }
    return {
      ...own,
      approved,
      enforce: revision(enforced(), ready),
      audit: revision(render('audit'), ready),
      ...(previous === undefined ? {} : { previous: revision(previous, ready) })
    }
  } catch {
    return { ...own, approved: false }
  }
}

/** Returns the snapshot for decisions that the documents of a store give, where no hub runs. */
export async function fileSnapshot(store: Store): Promise<Snapshot> {
  const rules = await store.list('SeccompRule')
  const profiles = await store.list('SeccompProfile')
  const all = new Map(
    profiles.map((each) => [
      `${each.metadata.namespace ?? rootNamespace}/${each.metadata.name}`,
      each
    ])
  )
  const sets = new Map<string, PassSet>([['runtime-default', runtimeDefaultPassSet]])
  return buildSnapshot({
    rules,
    profiles: profiles.map((profile) => stateOf(profile, all, sets)),
    within: (inner, outer) => {
      const [left, right] = [sets.get(inner), sets.get(outer)]
      return left !== undefined && right !== undefined && isWithin(left, right)
    }
  })
}
