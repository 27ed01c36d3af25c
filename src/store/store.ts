import type { AnyObject, Kind, Objects } from '../api/objects.js'
import type { HistoryStore } from './history-store.js'

export interface ObjectRef {
  namespace: string
  name: string
}

/** The field that NOT_FOUND names when the namespace of an object is missing, or is being deleted. */
export const namespaceField = 'metadata.namespace'

/** A document that could not be read. It is left as it is; everything else works. */
export interface StoreProblem {
  /** Where the document is, e.g. a file path. */
  where: string
  /** What is wrong, naming the field and what is accepted. */
  message: string
}

/** DeletedEvent says that an object counts as deleted. */
export interface DeletedEvent {
  type: 'deleted'
  kind: Kind
  ref: ObjectRef
  /** The object that had the name; undefined where that is not known. */
  uid?: string
  /** The object's own deletion time (RFC 3339), where it has one. */
  at?: string
  /** The object is still there, and cannot be read: another event follows when it can be, or when it is gone. */
  isUnreadable?: true
}

export type StoreEvent =
  | { type: 'applied'; object: AnyObject }
  | DeletedEvent
  | { type: 'problem'; problem: StoreProblem }
  | { type: 'resolved'; where: string }

/**
 * Where objects live. Implementations: directory.ts (embedded), kubernetes.ts (cluster).
 * Every write is atomic and durable when its promise resolves. Documents are validated on the way in
 * and out (INVALID_DOCUMENT, INVALID_NAME).
 */
export interface Store {
  /** @param namespace lists this namespace alone, and needs rights in it alone; default: all */
  list<K extends Kind>(kind: K, namespace?: string): Promise<Objects[K][]>
  get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined>
  /** Creates the object or replaces its metadata labels/annotations and spec; status is kept. */
  apply<K extends Kind>(kind: K, object: Objects[K]): Promise<Objects[K]>
  /**
   * Read–modify–write of an existing object, safe against other processes. `change` must be pure: it
   * may be called again after a conflict. Returning the same object writes nothing. NOT_FOUND when
   * there is none. `seen` is the object as a watch reported it: the first attempt begins with it, where reading is a
   * request.
   */
  update<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    change: (object: Objects[K]) => Objects[K],
    seen?: Objects[K]
  ): Promise<Objects[K]>
  /** True when something was deleted. */
  delete(kind: Kind, ref: ObjectRef): Promise<boolean>
  /**
   * Calls back for everything that exists, then for every change. Returns how to stop. Listeners may keep the objects but
   * share them: they must not change them.
   */
  watch(listener: (event: StoreEvent) => void): Promise<() => void>
  /** What could not be read so far; a watch or a list reads everything, or everything of a kind. */
  problems(): StoreProblem[]
  /** What happened to workloads. It is no object of the API, and outlives those objects. */
  readonly history: HistoryStore
  close(): Promise<void>
}
