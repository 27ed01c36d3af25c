import type { SeccompProfile } from '../api/seccomp-profile.js'
import { boundChange, boundDocument } from '../seccomp/policy/approval.js'
import type { Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from '../store/store.js'

type Change<K extends Kind> = (object: Objects[K]) => Objects[K]

/** Who writes, by the name that the API server has for this person, and when. */
export interface Writer {
  by: string
  /** RFC 3339. */
  at: string
}

/** A change, with the writer's approval where it changes what a profile allows. */
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

/** A document, with the writer's approval where it is a profile that allows something. */
export function approvedDocument<K extends Kind>(
  kind: K,
  object: Objects[K],
  writer: Writer
): Objects[K] {
  if (kind !== 'SeccompProfile') return object
  return boundDocument(object as SeccompProfile, writer) as Objects[K]
}

/**
 * The store as one person writes to it in a cluster, where the API server checks who approves: whatever changes what a
 * profile allows carries the approval of that person.
 */
export function approvingStore(store: Store, writer: () => Writer): Store {
  return {
    ...store,
    apply: (kind, object) => store.apply(kind, approvedDocument(kind, object, writer())),
    update: <K extends Kind>(kind: K, ref: ObjectRef, change: Change<K>) =>
      store.update(kind, ref, approvedChange(kind, change, writer()))
  }
}
