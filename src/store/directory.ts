import { randomUUID } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { validateObject } from '../api/validate.js'
import { SeccoError } from '../lib/errors.js'
import { parseDocument, serializeDocument } from '../api/parse.js'
import { DirectoryCatalog } from './directory-catalog.js'
import { directoryHistory } from './directory-history.js'
import { checkPlace, type DocumentCodec, isKind, writeDocument } from './directory-document.js'
import { checkRef, kindFolder, lockPath, objectPath } from './directory-layout.js'
import { copyOf, createLoader, type Loader } from './directory-load.js'
import { ensureFolder, removeDurable, writeDurable } from '../lib/durable-file.js'
import { withFileLock } from '../lib/file-lock.js'
import type { Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from './store.js'

const yaml: DocumentCodec = {
  parse: parseDocument,
  validate: validateObject,
  serialize: serializeDocument
}

interface DirectoryStoreOptions {
  codec?: DocumentCodec
  /** How long the folder must be unchanged before a change is read (default 250 ms). */
  debounceMs?: number
  /** How often the folder is scanned without a change (default 5000 ms). */
  pollMs?: number
  /** STORE_LOCKED after waiting this long for another process (default 10000 ms). */
  lockTimeoutMs?: number
  /** Leftovers of killed writers older than this are deleted (default 10 min). */
  sweepAgeMs?: number
}

function withoutStatus<K extends Kind>(object: Objects[K]): Objects[K] {
  const copy = { ...object }
  delete copy.status
  return copy
}

/** Returns the changed object with a new resourceVersion, and a new generation if the spec changed. */
function nextVersion<K extends Kind>(existing: Objects[K], changed: Objects[K]): Objects[K] {
  const { resourceVersion, generation, uid, creationTimestamp } = existing.metadata
  const sameSpec = isDeepStrictEqual(existing.spec, changed.spec)
  const version = Number(resourceVersion ?? '0')
  return {
    ...changed,
    metadata: {
      ...changed.metadata,
      resourceVersion: String((Number.isSafeInteger(version) ? version : 0) + 1),
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

interface Folder {
  root: string
  codec: DocumentCodec
  loader: Loader
  catalog: DirectoryCatalog
  lockTimeoutMs: number
}

/** DirectoryObjects reads and writes single objects of a folder, one writer per object at a time. */
class DirectoryObjects {
  readonly #folder: Folder
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(folder: Folder) {
    this.#folder = folder
  }

  async get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    checkRef(ref)
    const loaded = await this.#folder.loader.load(kind, ref)
    if (loaded.state === 'absent') return undefined
    if (loaded.state === 'object') return copyOf(loaded.object)
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
    if ((await this.get(kind, ref)) === undefined) throw notFound(kind, ref)
    return this.#exclusively(kind, ref, async () => {
      const existing = await this.get(kind, ref)
      if (existing === undefined) throw notFound(kind, ref)
      const changed = change(copyOf(existing))
      if (isDeepStrictEqual(existing, changed)) return existing
      return this.#write(kind, ref, nextVersion(existing, changed))
    })
  }

  async delete(kind: Kind, ref: ObjectRef): Promise<boolean> {
    if ((await this.get(kind, ref)) === undefined) return false
    return this.#exclusively(kind, ref, async () => {
      if ((await this.get(kind, ref)) === undefined) return false
      const removed = await removeDurable(objectPath(this.#folder.root, kind, ref))
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
    const existing = await this.get(kind, ref)
    if (existing === undefined) return this.#write(kind, ref, newObject(ref, object))
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
    if (isDeepStrictEqual(existing, changed)) return existing
    return this.#write(kind, ref, nextVersion(existing, changed))
  }

  async #write<K extends Kind>(kind: K, ref: ObjectRef, object: Objects[K]) {
    const { root, codec, catalog } = this.#folder
    const where = described(kind, ref)
    const valid = checkPlace(codec.validate(object, where), kind, ref.namespace, ref.name, where)
    await writeDurable(objectPath(root, kind, ref), writeDocument(codec, valid, where))
    await catalog.touch(kind, ref)
    return copyOf(valid)
  }
}

/**
 * Opens a folder of YAML documents as a store: `<dir>/<namespace>/<plural>/<name>.yaml`. Several
 * processes may have it open; edits by hand are detected. A document that cannot be read is reported as a
 * problem and left as it is; a write over it fails with STORE_CORRUPT. Other errors: WRITE_FAILED (names the
 * path), STORE_LOCKED, CONFLICT (apply with a resourceVersion that is not the present one).
 */
export async function openDirectoryStore(
  dir: string,
  options: DirectoryStoreOptions = {}
): Promise<Store> {
  const codec = options.codec ?? yaml
  await ensureFolder(dir)
  const root = await realpath(dir)
  const loader = createLoader(root, codec)
  const catalog = new DirectoryCatalog(root, loader, {
    debounceMs: options.debounceMs ?? 250,
    pollMs: options.pollMs ?? 5000
  })
  await catalog.sweep(options.sweepAgeMs ?? 600_000)
  await catalog.refresh()
  const lockTimeoutMs = options.lockTimeoutMs ?? 10_000
  const objects = new DirectoryObjects({ root, codec, loader, catalog, lockTimeoutMs })
  return {
    async list(kind, namespace) {
      await catalog.refresh()
      return catalog
        .objects()
        .flatMap((object) =>
          isKind(kind, object) &&
          (namespace ?? object.metadata.namespace) === object.metadata.namespace
            ? [copyOf(object)]
            : []
        )
    },
    get: (kind, ref) => objects.get(kind, ref),
    apply: (kind, object) => objects.apply(kind, object),
    update: (kind, ref, change) => objects.update(kind, ref, change),
    delete: (kind, ref) => objects.delete(kind, ref),
    watch: (listener) => catalog.watch(listener),
    problems: () => catalog.problems(),
    history: directoryHistory(root, lockTimeoutMs),
    close: () => catalog.close()
  }
}
