import { realpath } from 'node:fs/promises'
import { validateObject, validateStored } from '../api/validate.js'
import { parseStored, serializeDocument } from '../api/parse.js'
import { DirectoryCatalog } from './directory-catalog.js'
import { directoryHistory } from './directory-history.js'
import { type DocumentCodec, isKind } from './directory-document.js'
import { createLoader } from './directory-load.js'
import { copyOf } from './copy-of.js'
import { DirectoryObjects } from './directory-objects.js'
import { Settler } from './directory-settler.js'
import { sweepFolder } from './directory-sweep.js'
import { ensureFolder } from '../lib/durable-file.js'
import type { Kind, Objects } from '../api/objects.js'
import type { Store, StoreEvent } from './store.js'

const yaml: DocumentCodec = {
  parse: parseStored,
  validate: validateObject,
  restore: validateStored,
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

/**
 * Opens a folder as a store. Of each object `<dir>/<namespace>/<plural>/<name>.yaml` is what people read and write, and
 * `<name>.stat` beside it what Secco keeps. Several processes may have it open; edits by hand are detected. A document that
 * cannot be read is reported as a problem and left as it is; a write over it fails with STORE_CORRUPT. A status that cannot
 * be read is reported, and the object is as without one. Other errors: WRITE_FAILED (names the path), STORE_LOCKED,
 * CONFLICT (apply with a resourceVersion that is not the present one).
 */
export async function openDirectoryStore(
  dir: string,
  options: DirectoryStoreOptions = {}
): Promise<Store> {
  const { codec = yaml, debounceMs = 250, pollMs = 5000, lockTimeoutMs = 10_000 } = options
  const sweepAgeMs = options.sweepAgeMs ?? 600_000
  await ensureFolder(dir)
  const root = await realpath(dir)
  const loader = createLoader(root, codec)
  const catalog = new DirectoryCatalog(root, loader, { debounceMs, pollMs })
  const objects = new DirectoryObjects({ root, codec, loader, catalog, lockTimeoutMs })
  const orphans = new Map<string, number>()
  let sweeper: NodeJS.Timeout | undefined
  const settler = new Settler((kind, ref) => objects.settle(kind, ref))

  async function list<K extends Kind>(kind: K, namespace?: string): Promise<Objects[K][]> {
    if (!catalog.isWatching) {
      const found = await catalog.readAll(kind, namespace)
      return found.filter((object) => isKind(kind, object))
    }
    const isAsked = ({ metadata }: Objects[K]) =>
      (namespace ?? metadata.namespace) === metadata.namespace
    const held = (await catalog.held()).filter((object) => isKind(kind, object))
    return held.filter(isAsked).map(copyOf)
  }

  return {
    list,
    get: (kind, ref) => objects.get(kind, ref),
    apply: (kind, object) => objects.apply(kind, object),
    update: (kind, ref, change) => objects.update(kind, ref, change),
    delete: (kind, ref) => objects.delete(kind, ref),
    async watch(listener: (event: StoreEvent) => void) {
      if (!catalog.isWatching) {
        await sweepFolder(root, sweepAgeMs, orphans)
        sweeper ??= setInterval(() => void sweepFolder(root, sweepAgeMs, orphans), sweepAgeMs / 2)
        sweeper.unref()
      }
      return catalog.watch(listener, settler.add)
    },
    problems: () => catalog.problems(),
    history: directoryHistory(root, lockTimeoutMs),
    async close() {
      clearInterval(sweeper)
      await settler.close()
      await catalog.close()
    }
  }
}
