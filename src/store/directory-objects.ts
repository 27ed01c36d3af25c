import { randomUUID } from 'node:crypto'
import { lstat, rename } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { SeccoError } from '../lib/errors.js'
import type { DirectoryCatalog } from './directory-catalog.js'
import {
  checkPlace,
  checkSize,
  type DocumentCodec,
  isSameDocument,
  nextResourceVersion,
  writeDocument
} from './directory-document.js'
import {
  checkRef,
  kindFolder,
  lockPath,
  lostPath,
  objectPath,
  statusPath
} from './directory-layout.js'
import { type Loader, type LoadedObject } from './directory-load.js'
import { copyOf } from './copy-of.js'
import { contentDigest, encodeStatusFile, yamlIdentity } from './directory-status.js'
import {
  ensureFolder,
  errnoOf,
  removeDurable,
  writeDurable,
  writeFailed,
  writeInOrderDurable
} from '../lib/durable-file.js'
import { withFileLock } from '../lib/file-lock.js'
import type { Kind, Objects } from '../api/objects.js'
import type { ObjectRef } from './store.js'

function withoutStatus<K extends Kind>(object: Objects[K]): Objects[K] {
  const copy = { ...object }
  delete copy.status
  return copy
}

/** Returns the changed object with a new resourceVersion, and a new generation if the spec changed. */
function nextVersion<K extends Kind>(existing: Objects[K], changed: Objects[K]): Objects[K] {
  const { generation, uid, creationTimestamp } = existing.metadata
  const sameSpec = isDeepStrictEqual(existing.spec, changed.spec)
  return {
    ...changed,
    metadata: {
      ...changed.metadata,
      resourceVersion: nextResourceVersion(existing.metadata),
      generation: sameSpec ? (generation ?? 1) : (generation ?? 1) + 1,
      uid: uid ?? randomUUID(),
      creationTimestamp: creationTimestamp ?? new Date().toISOString()
    }
  }
}

function described(kind: Kind, { namespace, name }: ObjectRef): string {
  return `${kind} ${namespace}/${name}`
}

function notFound(kind: Kind, ref: ObjectRef): SeccoError {
  return new SeccoError('NOT_FOUND', `no ${described(kind, ref)}`)
}

/** Returns a new object as the store keeps it: without a status and without another store's bookkeeping. */
function newObject<K extends Kind>(ref: ObjectRef, object: Objects[K]): Objects[K] {
  const metadata = { ...object.metadata, name: ref.name, namespace: ref.namespace }
  delete metadata.resourceVersion
  delete metadata.generation
  delete metadata.uid
  delete metadata.creationTimestamp
  const made = { ...withoutStatus(object), metadata }
  return nextVersion(made, made)
}

/** Returns the existing object with the labels, annotations and spec of another. */
function merged<K extends Kind>(existing: Objects[K], object: Objects[K]): Objects[K] {
  const { labels, annotations } = object.metadata
  const metadata = { ...existing.metadata }
  delete metadata.labels
  delete metadata.annotations
  if (labels !== undefined) metadata.labels = labels
  if (annotations !== undefined) metadata.annotations = annotations
  return { ...existing, metadata, spec: object.spec }
}

/** Whether the YAML that was loaded still lies there; undefined: none did. */
async function isAsLoaded(path: string, yaml: LoadedObject['yaml'] | undefined): Promise<boolean> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined)
  if (stats === undefined || yaml === undefined) return stats === yaml
  return yamlIdentity(yaml.digest, stats) === yaml.identity
}

/** Keeps a status that cannot be read where people find it, and no program, beside one that was kept before. */
async function setAside(path: string, placeOf: (stamp?: string) => string): Promise<void> {
  let place = placeOf()
  try {
    if ((await lstat(place).catch(() => undefined)) !== undefined) place = placeOf(`.${Date.now()}`)
    await rename(path, place)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw writeFailed(place, error)
  }
}

interface Folder {
  root: string
  codec: DocumentCodec
  loader: Loader
  /** Reads again what was written. */
  catalog: Pick<DirectoryCatalog, 'touch' | 'note'>
  lockTimeoutMs: number
}

/** DirectoryObjects reads and writes single objects of a folder, one writer per object at a time. */
export class DirectoryObjects {
  readonly #folder: Folder
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(folder: Folder) {
    this.#folder = folder
  }

  async get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    const loaded = await this.#load(kind, ref)
    return loaded && copyOf(loaded.object)
  }

  async #load<K extends Kind>(kind: K, ref: ObjectRef): Promise<LoadedObject<K> | undefined> {
    checkRef(ref)
    const loaded = await this.#folder.loader.load(kind, ref)
    if (loaded.state === 'absent') return undefined
    if (loaded.state === 'object') {
      if (loaded.problem !== undefined) this.#folder.catalog.note(loaded.problem)
      return loaded
    }
    const { where, message } = loaded.problem
    throw new SeccoError('STORE_CORRUPT', `${where}: ${message}`)
  }

  async apply<K extends Kind>(kind: K, object: Objects[K]): Promise<Objects[K]> {
    const ref = { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
    checkRef(ref)
    this.#folder.codec.validate(object, described(kind, ref))
    // The read rejects a folder that is a link before anything is created in it.
    await this.get(kind, ref)
    await ensureFolder(kindFolder(this.#folder.root, kind, ref.namespace))
    return this.#exclusively(kind, ref, () => this.#applyLocked(kind, ref, object))
  }

  async update<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    change: (object: Objects[K]) => Objects[K]
  ): Promise<Objects[K]> {
    const present = await this.#load(kind, ref)
    if (present === undefined) throw notFound(kind, ref)
    // A hub that starts compares every status: what changes nothing needs no lock.
    const unlocked = change(copyOf(present.object))
    if (isDeepStrictEqual(present.object, unlocked)) return unlocked
    return this.#exclusively(kind, ref, async () => {
      const before = await this.#load(kind, ref)
      if (before === undefined) throw notFound(kind, ref)
      const changed = change(copyOf(before.object))
      if (isDeepStrictEqual(before.object, changed)) return changed
      return this.#write(kind, ref, before, nextVersion(before.object, changed))
    })
  }

  /**
   * Finishes an interrupted write, takes over a document of an earlier version of Secco, and remembers an edit by hand, so
   * that nobody has to parse it again.
   */
  async settle(kind: Kind, ref: ObjectRef): Promise<void> {
    await this.#exclusively(kind, ref, async () => {
      const before = await this.#load(kind, ref)
      if (before === undefined || before.isSettled) return
      const { object } = before
      const isNew = object.metadata.uid === undefined
      await this.#write(kind, ref, before, isNew ? nextVersion(object, object) : object)
    })
  }

  async delete(kind: Kind, ref: ObjectRef): Promise<boolean> {
    if ((await this.get(kind, ref)) === undefined) return false
    return this.#exclusively(kind, ref, async () => {
      if ((await this.get(kind, ref)) === undefined) return false
      const { root } = this.#folder
      const removed = await removeDurable(objectPath(root, kind, ref))
      // A status without a YAML is no object: what a crash leaves here is swept.
      await removeDurable(statusPath(root, kind, ref))
      await this.#folder.catalog.touch(kind, ref)
      return removed
    })
  }

  /** Runs one writer at a time: a queue orders those of this process, the lock file those of others. */
  async #exclusively<T>(kind: Kind, ref: ObjectRef, work: () => Promise<T>): Promise<T> {
    const { root, lockTimeoutMs } = this.#folder
    const lock = lockPath(root, kind, ref)
    const before = this.#turns.get(lock) ?? Promise.resolve()
    const turn = before.then(
      () => withFileLock(lock, lockTimeoutMs, work),
      () => withFileLock(lock, lockTimeoutMs, work)
    )
    this.#turns.set(lock, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(lock) === turn) this.#turns.delete(lock)
    }
  }

  async #applyLocked<K extends Kind>(kind: K, ref: ObjectRef, object: Objects[K]) {
    const before = await this.#load(kind, ref)
    if (before === undefined) return this.#write(kind, ref, before, newObject(ref, object))
    const existing = before.object
    const { resourceVersion } = object.metadata
    const present = existing.metadata.resourceVersion
    if (resourceVersion !== undefined && resourceVersion !== present) {
      throw new SeccoError(
        'CONFLICT',
        `${described(kind, ref)} has resourceVersion ${present ?? 'none'}, not ${resourceVersion}`,
        { field: 'metadata.resourceVersion' }
      )
    }
    const changed = merged(existing, object)
    if (isDeepStrictEqual(existing, changed)) return copyOf(existing)
    return this.#write(kind, ref, before, nextVersion(existing, changed))
  }

  /**
   * Writes an object over what was loaded. The rename of the status file, which holds the whole object, is the moment at
   * which the write happens: a reader that finds the YAML that it replaces takes the object from there. A YAML that stays
   * the same is not written: it keeps its comments.
   */
  async #write<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    before: LoadedObject<K> | undefined,
    object: Objects[K]
  ): Promise<Objects[K]> {
    const { root, codec, catalog } = this.#folder
    const where = described(kind, ref)
    const valid = checkPlace(codec.validate(object, where), kind, ref.namespace, ref.name, where)
    const path = statusPath(root, kind, ref)
    const isSame = before?.isYamlCurrent === true && isSameDocument(before.object, valid)
    if (before?.problem !== undefined)
      await setAside(path, (stamp) => lostPath(root, kind, ref, stamp))
    if (isSame) {
      const content = encodeStatusFile({ yaml: before.yaml.digest, object: valid })
      await writeDurable(path, checkSize(content, where))
    } else {
      const yaml = writeDocument(codec, valid, where)
      const replaces = before === undefined ? {} : { replaces: before.yaml.identity }
      const content = encodeStatusFile({ yaml: contentDigest(yaml), ...replaces, object: valid })
      const status = { path, content: checkSize(content, where) }
      const place = objectPath(root, kind, ref)
      const isStill = () => isAsLoaded(place, before?.yaml)
      await writeInOrderDurable(status, { path: place, content: yaml }, isStill)
    }
    await catalog.touch(kind, ref)
    return copyOf(valid)
  }
}
