import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import {
  type ApprovalDecision,
  approvedDigest,
  boundChange,
  boundDocument,
  decided,
  withValidApproval
} from '../seccomp/policy/approval.js'
import type { Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from '../store/store.js'

type Change<K extends Kind> = (object: Objects[K]) => Objects[K]

/** Writer is the person who writes, by the API server's name for them, and the time. */
interface Writer {
  by: string
  /** RFC 3339. */
  at: string
}

/** Returns a change that adds the writer's approval when it changes what a profile allows. */
export function approvedChange<K extends Kind>(
  kind: K,
  change: Change<K>,
  writer: Writer
): Change<K> {
  if (kind !== 'SeccompProfile') return change
  return (before) => {
    const after = change(before)
    return boundChange(before as SeccompProfile, after as SeccompProfile, writer) as Objects[K]
  }
}

/** Returns a document with the writer's approval if it is a profile that allows something. */
export function approvedDocument<K extends Kind>(
  kind: K,
  object: Objects[K],
  writer: Writer
): Objects[K] {
  if (kind !== 'SeccompProfile') return object
  return boundDocument(object as SeccompProfile, writer) as Objects[K]
}

/**
 * Returns a store that writes as one person. In a cluster the API server checks approvals, so each change of what
 * a profile allows carries the approval of that person.
 */
export function approvingStore(store: Store, writer: () => Writer): Store {
  return {
    ...store,
    apply: (kind, object) => store.apply(kind, approvedDocument(kind, object, writer())),
    update: <K extends Kind>(kind: K, ref: ObjectRef, change: Change<K>) =>
      store.update(kind, ref, approvedChange(kind, change, writer()))
  }
}

/** Whether a profile allows something that no approval in its spec or its status is about. */
function isUnrecorded({ spec, status }: SeccompProfile): boolean {
  if (spec.approval !== undefined) return false
  if (spec.seccomp === undefined && spec.extends === undefined) return false
  return status?.approvals?.at(-1)?.digest !== approvedDigest(spec)
}

/**
 * Applies a profile. Whoever applies it approves what it allows: in a cluster the spec carries that approval and the hub
 * lists it, in a folder it is listed here.
 */
export async function applyProfile(
  store: Pick<Store, 'apply' | 'update'>,
  profile: SeccompProfile,
  decision: ApprovalDecision
): Promise<void> {
  const kind = 'SeccompProfile'
  const applied = await store.apply(kind, withValidApproval(profile, decision))
  const { namespace = rootNamespace, name } = applied.metadata
  if (!isUnrecorded(applied)) return
  await store.update(kind, { namespace, name }, (now) =>
    isUnrecorded(now) ? decided(now, decision) : now
  )
}
