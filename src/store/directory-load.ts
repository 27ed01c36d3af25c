import { lstat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Kind, Objects } from '../api/objects.js'
import { errnoOf } from '../lib/durable-file.js'
import { checkPlace, type DocumentCodec, editedObject, readDocument } from './directory-document.js'
import { objectPath, statusPath } from './directory-layout.js'
import {
  atOnce,
  type Files,
  inBackground,
  type ReadFile,
  readPair,
  type ReadStatus,
  reasonOf,
  signatureAt,
  signatureOf
} from './directory-read.js'
import { contentDigest, type StatusFile, yamlIdentity } from './directory-status.js'
import type { ObjectRef, StoreProblem } from './store.js'

/** What the files of an object hold. `signature` changes whenever one of them does. */
export interface LoadedObject<K extends Kind = Kind> {
  state: 'object'
  object: Objects[K]
  signature: string
  /** Digest of the YAML that is there, and its identity among all that lay there. */
  yaml: { digest: string; identity: string }
  /** Whether that YAML holds what the object has: it is older where a write was interrupted or an earlier version wrote it. */
  isYamlCurrent: boolean
  /** Whether the status file is of this YAML, so that it is not parsed again. */
  isSettled: boolean
  /** The status could not be read. */
  problem?: StoreProblem
}

export type Loaded<K extends Kind = Kind> =
  | { state: 'absent' }
  | LoadedObject<K>
  | { state: 'problem'; problem: StoreProblem; signature: string }

async function isRealFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export interface Loader {
  /** Reads an object; files that have not changed are not read again. */
  load<K extends Kind>(kind: K, ref: ObjectRef): Promise<Loaded<K>>
  /** Reads an object in folders that were listed, at once, and does not keep it. */
  read<K extends Kind>(kind: K, ref: ObjectRef): Promise<Loaded<K>>
  /** Forgets what is no longer there. */
  keepOnly(paths: ReadonlySet<string>): void
}

/** ObjectReader makes an object of its two files. */
class ObjectReader<K extends Kind> {
  readonly #codec: DocumentCodec
  readonly #kind: K
  readonly #ref: ObjectRef
  readonly #path: string
  readonly #statusPath: string

  constructor(root: string, codec: DocumentCodec, kind: K, ref: ObjectRef) {
    this.#codec = codec
    this.#kind = kind
    this.#ref = ref
    this.#path = objectPath(root, kind, ref)
    this.#statusPath = statusPath(root, kind, ref)
  }

  /** @param isListed its folders are known to be folders */
  async read(files: Files, isListed: boolean): Promise<Loaded<K>> {
    let signature = 'unreadable'
    try {
      if (!isListed && !(await this.#hasFolders())) return { state: 'absent' }
      const { yaml, status } = await readPair(files, this.#path, this.#statusPath)
      signature = `${signatureOf(yaml.stats)} ${status.signature}`
      return this.#join(yaml, status, signature)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { state: 'absent' }
      const problem = { where: this.#path, message: reasonOf(error, this.#path) }
      return { state: 'problem', problem, signature }
    }
  }

  async #hasFolders(): Promise<boolean> {
    for (const folder of [dirname(dirname(this.#path)), dirname(this.#path)]) {
      const real = await isRealFolder(folder)
      if (real === undefined) return false
      if (!real) throw new Error(`${folder} is not a folder of its own (links are not followed)`)
    }
    return true
  }

  #join(yaml: ReadFile, status: ReadStatus, signature: string): LoadedObject<K> {
    const digest = contentDigest(yaml.text)
    const identity = yamlIdentity(digest, yaml.stats)
    const loaded = { state: 'object', signature, yaml: { digest, identity } } as const
    const { kept, reason } = this.#keptIn(status)
    if (kept !== undefined && status.file?.yaml === digest)
      return { ...loaded, object: kept, isYamlCurrent: true, isSettled: true }
    // The write that made the status file was interrupted before the YAML got its name.
    if (kept !== undefined && status.file?.replaces === identity)
      return { ...loaded, object: kept, isYamlCurrent: false, isSettled: false }
    const place = { kind: this.#kind, ...this.#ref, where: this.#path }
    const { object, isOld } = readDocument(this.#codec, yaml.text, place)
    const earlier = kept ?? this.#keptBeside(object, status.file, identity)
    const problem = reason === undefined || earlier ? undefined : this.#lost(reason)
    return {
      ...loaded,
      object: earlier === undefined ? object : editedObject(object, earlier),
      isYamlCurrent: !isOld,
      isSettled: false,
      ...(problem && { problem })
    }
  }

  #keptIn({ file, reason }: ReadStatus): { kept?: Objects[K]; reason?: string } {
    if (file === undefined) return reason === undefined ? {} : { reason }
    const where = this.#statusPath
    try {
      return { kept: this.#restored(file.object) }
    } catch (error) {
      return { reason: reasonOf(error, where) }
    }
  }

  #restored(raw: unknown): Objects[K] {
    const where = this.#statusPath
    const valid = this.#codec.restore(raw, where)
    return checkPlace(valid, this.#kind, this.#ref.namespace, this.#ref.name, where)
  }

  /**
   * Returns what was kept of an object of whose spec somebody took what this release does not know. The spec in the status
   * file is only a copy of the one that lay in the YAML, so that what was learned is not lost with it.
   */
  #keptBeside(
    { spec }: Objects[K],
    file: StatusFile | undefined,
    identity: string
  ): Objects[K] | undefined {
    const raw = file?.object
    // Of a write that was interrupted, the spec in the status file is the newer one.
    if (typeof raw !== 'object' || raw === null || file?.replaces === identity) return undefined
    try {
      const kept = this.#restored({ ...raw, spec })
      return { ...kept, spec: (raw as Objects[K]).spec }
    } catch {
      return undefined
    }
  }

  #lost(reason: string): StoreProblem {
    const message = `the status cannot be read (${reason}), and what is in the YAML counts; restore this file from a backup, or remove it`
    return { where: this.#statusPath, message }
  }
}

/** Makes an edit by hand that follows another one, before the store has written that, a version of its own. */
function countSecondEdit<K extends Kind>(known: LoadedObject<K>, loaded: LoadedObject<K>): void {
  const areEdits =
    !known.isSettled && !loaded.isSettled && known.isYamlCurrent && loaded.isYamlCurrent
  const isOther = known.yaml.digest !== loaded.yaml.digest
  const [before, now] = [known.object.metadata, loaded.object.metadata]
  if (areEdits && isOther && Number(before.resourceVersion) >= Number(now.resourceVersion))
    loaded.object = editedObject(loaded.object, known.object)
}

/** Reads objects from the folder, each file parsed once per version of it. Never throws. */
export function createLoader(root: string, codec: DocumentCodec): Loader {
  const cache = new Map<string, Loaded & { kind: Kind; signature: string }>()

  return {
    async load<K extends Kind>(kind: K, ref: ObjectRef): Promise<Loaded<K>> {
      const path = objectPath(root, kind, ref)
      const known = cache.get(path)
      if (known !== undefined && known.kind === kind) {
        const signature = `${await signatureAt(path)} ${await signatureAt(statusPath(root, kind, ref))}`
        if (signature === known.signature) return known as unknown as Loaded<K>
      }
      const loaded = await new ObjectReader(root, codec, kind, ref).read(inBackground, false)
      if (loaded.state === 'absent') cache.delete(path)
      else {
        if (known?.state === 'object' && loaded.state === 'object')
          countSecondEdit(known as unknown as LoadedObject<K>, loaded)
        cache.set(path, { ...(loaded as Exclude<Loaded, { state: 'absent' }>), kind })
      }
      return loaded
    },
    read: (kind, ref) => new ObjectReader(root, codec, kind, ref).read(atOnce, true),
    keepOnly(paths) {
      for (const path of cache.keys()) if (!paths.has(path)) cache.delete(path)
    }
  }
}
