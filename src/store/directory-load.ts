import { type BigIntStats, constants } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { toSeccoError } from '../lib/errors.js'
import { type DocumentCodec, readDocument } from './directory-document.js'
import { objectPath } from './directory-layout.js'
import { errnoOf } from '../lib/durable-file.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'
import type { ObjectRef, StoreProblem } from './store.js'

/** What lies at one place of the folder now. `signature` changes whenever the file does. */
type Loaded<K extends Kind = Kind> =
  | { state: 'absent' }
  | { state: 'object'; object: Objects[K]; signature: string }
  | { state: 'problem'; problem: StoreProblem; signature: string }

/** Four times what a stored object of a cluster may have (etcd's 1 MiB). */
const largestFile = 4 * 1024 * 1024

function signatureOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
}

async function isRealFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function readSmallFile(path: string): Promise<{ text: string; stats: BigIntStats }> {
  // O_NONBLOCK: a fifo must not hang the store. O_NOFOLLOW: nothing outside the folder is read.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw new Error('is not a regular file')
    if (stats.size > largestFile) {
      throw new Error(`has ${stats.size.toString()} bytes; accepted are up to ${largestFile}`)
    }
    return { text: await handle.readFile('utf8'), stats }
  } finally {
    await handle.close()
  }
}

export interface Loader {
  load<K extends Kind>(kind: K, ref: ObjectRef): Promise<Loaded<K>>
  /** Forgets what is no longer there. */
  keepOnly(paths: ReadonlySet<string>): void
}

/** Reads objects from the folder, each file parsed once per version of it. Never throws. */
export function createLoader(root: string, codec: DocumentCodec): Loader {
  const cache = new Map<string, Loaded & { kind: Kind }>()

  async function read<K extends Kind>(kind: K, ref: ObjectRef, path: string): Promise<Loaded<K>> {
    let signature = 'unreadable'
    try {
      for (const folder of [dirname(dirname(path)), dirname(path)]) {
        const real = await isRealFolder(folder)
        if (real === undefined) return { state: 'absent' }
        if (!real) throw new Error(`${folder} is not a folder of its own (links are not followed)`)
      }
      const { text, stats } = await readSmallFile(path)
      signature = signatureOf(stats)
      const place = { kind, namespace: ref.namespace, name: ref.name, where: path }
      return { state: 'object', object: readDocument(codec, text, place), signature }
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT') return { state: 'absent' }
      const said =
        errno === 'ELOOP' ? 'is a symbolic link: not followed' : toSeccoError(error).message
      const message = said.startsWith(`${path}: `) ? said.slice(path.length + 2) : said
      return { state: 'problem', problem: { where: path, message }, signature }
    }
  }

  return {
    async load<K extends Kind>(kind: K, ref: ObjectRef): Promise<Loaded<K>> {
      const path = objectPath(root, kind, ref)
      const known = cache.get(path)
      if (known !== undefined && known.kind === kind && known.state !== 'absent') {
        const stats = await lstat(path, { bigint: true }).catch(() => undefined)
        if (stats !== undefined && signatureOf(stats) === known.signature) {
          return known as unknown as Loaded<K>
        }
      }
      const loaded = await read(kind, ref, path)
      if (loaded.state === 'absent') cache.delete(path)
      else cache.set(path, { ...(loaded as Loaded), kind })
      return loaded
    },
    keepOnly(paths) {
      for (const path of cache.keys()) if (!paths.has(path)) cache.delete(path)
    }
  }
}

/** A copy that the receiver may change. */
export function copyOf<T extends AnyObject>(object: T): T {
  return structuredClone(object)
}
