import { randomUUID } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { validateObject } from '../api/validate.js'
import { SeccoError } from '../lib/errors.js'
import { parseDocument, serializeDocument } from '../api/parse.js'
import { createCatalog } from './directory-catalog.js'
import { checkPlace, type DocumentCodec, isKind, writeDocument } from './directory-document.js'
import { checkRef, kindFolder, lockPath, objectPath } from './directory-layout.js'
import { copyOf, createLoader } from './directory-load.js'
import { ensureFolder, removeDurable, writeDurable } from '../lib/durable-file.js'
import { withFileLock } from '../lib/file-lock.js'
import type { Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from './store.js'

const yaml: DocumentCodec = {
  parse: parseDocument,
  validate: validateObject,
  serialize: serializeDocument
}

export interface DirectoryStoreOptions {
  codec?: DocumentCodec
  /** Silence after a change in the folder before it is read (default 250 ms). */
  debounceMs?: number
  /** The folder is looked at this often in any case (default 5000 ms). */
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

/** A changed object with its counters moved on: generation with the spec, resourceVersion always. */
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

/**
 * Opens a folder of YAML documents as a store: `<dir>/<namespace>/<plural>/<name>.yaml`. Several
 * processes may have it open; edits by hand are seen. A document that cannot be read is a problem,
 * is left as it is, and writing over it is STORE_CORRUPT. Other errors: WRITE_FAILED (path named),
 * STORE_LOCKED, CONFLICT (apply with a resourceVersion that is not the present one).
 */
export async function openDirectoryStore(
  dir: string,
  options: DirectoryStoreOptions = {}
): Promise<Store> {
  const codec = options.codec ?? yaml
  const lockTimeoutMs = options.lockTimeoutMs ?? 10_000
  await ensureFolder(dir)
  const root = await realpath(dir)
  const loader = createLoader(root, codec)
  const catalog = createCatalog(root, loader, {
    debounceMs: options.debounceMs ?? 250,
    pollMs: options.pollMs ?? 5000
  })
  await catalog.sweep(options.sweepAgeMs ?? 600_000)
  await catalog.refresh()
  const turns = new Map<string, Promise<unknown>>()

  /** One writer at a time: within this process by turns, among processes by the lock file. */
  async function exclusively<T>(kind: Kind, ref: ObjectRef, work: () => Promise<T>): Promise<T> {
    const lock = lockPath(root, kind, ref)
    const before = turns.get(lock) ?? Promise.resolve()
    const turn = before.then(
      () => withFileLock(lock, lockTimeoutMs, work),
      () => withFileLock(lock, lockTimeoutMs, work)
    )
    turns.set(lock, turn)
    try {
      return await turn
    } finally {
      if (turns.get(lock) === turn) turns.delete(lock)
    }
  }

  async function read<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    checkRef(ref)
    const loaded = await loader.load(kind, ref)
    if (loaded.state === 'absent') return undefined
    if (loaded.state === 'object') return copyOf(loaded.object)
    const { where, message } = loaded.problem
    throw new SeccoError('STORE_CORRUPT', `${where}: ${message}`)
  }

  async function write<K extends Kind>(kind: K, ref: ObjectRef, object: Objects[K]) {
    const where = `${kind} ${ref.namespace}/${ref.name}`
    const valid = checkPlace(codec.validate(object, where), kind, ref.namespace, ref.name, where)
    await writeDurable(objectPath(root, kind, ref), writeDocument(codec, valid, where))
    await catalog.touch(kind, ref)
    return copyOf(valid)
  }

  async function applyLocked<K extends Kind>(kind: K, ref: ObjectRef, object: Objects[K]) {
    const existing = await read(kind, ref)
    const { labels, annotations, resourceVersion } = object.metadata
    if (existing === undefined) {
      const metadata = { name: ref.name, namespace: ref.namespace }
      const made = { ...withoutStatus(object), metadata: { ...object.metadata, ...metadata } }
      delete made.metadata.resourceVersion
      delete made.metadata.generation
      delete made.metadata.uid
      delete made.metadata.creationTimestamp
      return write(kind, ref, nextVersion(made, made))
    }
    if (resourceVersion !== undefined && resourceVersion !== existing.metadata.resourceVersion) {
      throw new SeccoError(
        'CONFLICT',
        `${kind} ${ref.namespace}/${ref.name} has resourceVersion ${existing.metadata.resourceVersion ?? 'none'}, not ${resourceVersion}`,
        { field: 'metadata.resourceVersion' }
      )
    }
    const metadata = { ...existing.metadata }
    delete metadata.labels
    delete metadata.annotations
    if (labels !== undefined) metadata.labels = labels
    if (annotations !== undefined) metadata.annotations = annotations
    const changed = { ...existing, metadata, spec: object.spec }
    if (isDeepStrictEqual(existing, changed)) return existing
    return write(kind, ref, nextVersion(existing, changed))
  }

  return {
    async list(kind) {
      await catalog.refresh()
      return catalog.objects().flatMap((object) => (isKind(kind, object) ? [copyOf(object)] : []))
    },
    get: read,
    async apply(kind, object) {
      const ref = { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
      checkRef(ref)
      codec.validate(object, `${kind} ${ref.namespace}/${ref.name}`)
      // Refuses a folder that is a link before anything is made in it.
      await read(kind, ref)
      await ensureFolder(kindFolder(root, kind, ref.namespace))
      return exclusively(kind, ref, () => applyLocked(kind, ref, object))
    },
    async update(kind, ref, change) {
      const missing = new SeccoError('NOT_FOUND', `no ${kind} ${ref.namespace}/${ref.name}`)
      if ((await read(kind, ref)) === undefined) throw missing
      return exclusively(kind, ref, async () => {
        const existing = await read(kind, ref)
        if (existing === undefined) throw missing
        const changed = change(copyOf(existing))
        if (isDeepStrictEqual(existing, changed)) return existing
        return write(kind, ref, nextVersion(existing, changed))
      })
    },
    async delete(kind, ref) {
      if ((await read(kind, ref)) === undefined) return false
      return exclusively(kind, ref, async () => {
        if ((await read(kind, ref)) === undefined) return false
        const removed = await removeDurable(objectPath(root, kind, ref))
        await catalog.touch(kind, ref)
        return removed
      })
    },
    watch: (listener) => catalog.watch(listener),
    problems: () => catalog.problems(),
    close: () => catalog.close()
  }
}
