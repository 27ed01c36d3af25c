import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { mergeObjects } from '../../../src/history/merge-objects.js'
import { isTime, laterTime } from '../../../src/history/times.js'
import type { HistoryObject, WorkloadHistory } from '../../../src/history/workload-history.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { profileKey } from '../../../src/rules/profile-state.js'

/** Deletions that are remembered: whoever may write profiles chooses how many there are. */
const mostDeleted = 10_000

/** UnaccountedObject is an object that histories have, and that is not there: nobody recorded its deletion. */
export interface UnaccountedObject {
  profile: string
  uid: string
  /** When it was created. */
  since: string
  /** When this process saw that it was deleted; undefined: it was gone before. */
  seenAt: string | undefined
}

/** Returns the object that a profile is; undefined where the store has not given it a uid yet. */
function objectOf({ metadata }: SeccompProfile): HistoryObject | undefined {
  const { namespace = rootNamespace, name, uid, creationTimestamp: since = '' } = metadata
  if (uid === undefined || !isTime(since)) return undefined
  return { profile: profileKey(namespace, name), uid, since }
}

const returnsOf = (object: HistoryObject | undefined): number => object?.returns ?? 0

/** KnownObjects compares the profiles that the store has with those that histories know. */
export class KnownObjects {
  /** The object that each profile is now, by the profile's key. */
  readonly #present = new Map<string, HistoryObject>()
  /** When this process saw that an object was deleted, by its uid. */
  readonly #deleted = new Map<string, string>()
  /** What each history has, by its name. */
  readonly #recorded = new Map<string, readonly HistoryObject[]>()
  readonly #isFolder: boolean

  /** @param isFolder a lost file changes the uid of an object there: of a profile only the newest object counts */
  constructor(isFolder = false) {
    this.#isFolder = isFolder
  }

  learn(name: string, { objects }: Pick<WorkloadHistory, 'objects'>): void {
    if (objects === undefined || objects.length === 0) return
    this.#recorded.set(name, mergeObjects(this.#recorded.get(name), objects))
  }

  forget(name: string): void {
    this.#recorded.delete(name)
  }

  /** Notes that a profile is there. */
  applied(profile: SeccompProfile): void {
    const object = objectOf(profile)
    if (object === undefined) return
    this.#present.set(object.profile, object)
    this.#deleted.delete(object.uid)
  }

  /** Notes that a profile was deleted. Returns the uid of the object that it was, if that is known. */
  deleted(profile: string, given: string | undefined, at: string): string | undefined {
    const uid = given ?? this.#present.get(profile)?.uid
    if (uid !== undefined) this.#deleted.set(uid, at)
    dropOldest(this.#deleted, mostDeleted)
    if (this.#present.get(profile)?.uid === uid) this.#present.delete(profile)
    return uid
  }

  /** Returns the object that a profile is now, as a part of a history. */
  of(profile: string): Pick<WorkloadHistory, 'objects'> {
    const object = this.#present.get(profile)
    return object === undefined ? {} : { objects: [object] }
  }

  /**
   * Returns what a history lacks of the objects of a profile: the one that is there now, that it is there again, and in a
   * folder the ends of earlier ones.
   */
  newsOf(name: string, profile: string, at: string): HistoryObject[] {
    const object = this.#present.get(profile)
    if (object === undefined) return []
    const earlier = (this.#isFolder ? (this.#recorded.get(name) ?? []) : []).filter(
      (one) => one.profile === profile && one.uid !== object.uid && one.deleted === undefined
    )
    const ended = earlier.map((one) => ({ ...one, deleted: at }))
    const known = this.#known(name, object.uid)
    if (known === undefined) return [object, ...ended]
    if (known.deleted === undefined) return ended
    return [{ ...object, returns: returnsOf(known) + 1 }, ...ended]
  }

  /** Lists the objects that are there, and that a history has as deleted. */
  returned(): HistoryObject[] {
    const all = [...this.#recorded.values()].flat()
    const ended = new Set(all.flatMap((one) => (one.deleted === undefined ? [] : [one.uid])))
    return [...this.#present.values()].filter(({ uid }) => ended.has(uid))
  }

  /** Returns how often an object was there again, as a history has it. */
  returnsOf(name: string, uid: string | undefined): number {
    return returnsOf(uid === undefined ? undefined : this.#known(name, uid))
  }

  /** Returns the end of an object, for a history that has its begin. */
  endOf(name: string, uid: string | undefined, at: string): Pick<WorkloadHistory, 'objects'> {
    const object = uid === undefined ? undefined : this.#known(name, uid)
    return object === undefined ? {} : { objects: [{ ...object, deleted: at }] }
  }

  /** Lists the objects that are not there, and whose deletion a history lacks. */
  unaccounted(): UnaccountedObject[] {
    const all = [...this.#recorded.values()].flat()
    const newest = new Map<string, string>()
    for (const { profile, since } of this.#isFolder ? all : [])
      newest.set(profile, laterTime(newest.get(profile) ?? '', since))
    const found = new Map<string, UnaccountedObject>()
    for (const { profile, uid, since, deleted } of all) {
      const isOver = deleted !== undefined || since < (newest.get(profile) ?? '')
      if (!isOver && this.#present.get(profile)?.uid !== uid)
        found.set(uid, { profile, uid, since, seenAt: this.#deleted.get(uid) })
    }
    return [...found.values()]
  }

  #known(name: string, uid: string): HistoryObject | undefined {
    return this.#recorded.get(name)?.find((one) => one.uid === uid)
  }
}
