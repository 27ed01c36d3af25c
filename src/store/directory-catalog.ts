import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isLockName, objectPath } from './directory-layout.js'
import { copyOf, type Loader } from './directory-load.js'
import { listFolder } from './directory-scan.js'
import { sweepTemporary } from '../lib/durable-file.js'
import { sweepLock } from '../lib/file-lock.js'
import { type FolderWatch, watchFolders } from '../lib/folder-watch.js'
import type { AnyObject, Kind } from '../api/objects.js'
import type { ObjectRef, StoreEvent, StoreProblem } from './store.js'

interface Entry {
  kind: Kind
  ref: ObjectRef
  /** The last valid version: it stays while the file is broken. */
  object: AnyObject | undefined
  problem: StoreProblem | undefined
  signature: string
}

/** How soon the catalog reads a change, and how often it scans the folder without one. */
interface Timing {
  debounceMs: number
  pollMs: number
}

/** DirectoryCatalog holds the objects of a folder, keeps them up to date, and reports changes to listeners. */
export class DirectoryCatalog {
  readonly #root: string
  readonly #loader: Loader
  readonly #timing: Timing
  readonly #entries = new Map<string, Entry>()
  readonly #misplaced = new Map<string, StoreProblem>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  #watcher: FolderWatch | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(root: string, loader: Loader, timing: Timing) {
    this.#root = root
    this.#loader = loader
    this.#timing = timing
  }

  /** Reads everything that changed; resolves when the catalog is up to date. */
  async refresh(): Promise<void> {
    await this.#inOrder(() => this.#scan())
  }

  /** Reads one object again, after a write by this process. */
  async touch(kind: Kind, ref: ObjectRef): Promise<void> {
    await this.#inOrder(() => this.#read(kind, ref, objectPath(this.#root, kind, ref)))
  }

  /** Returns the valid objects by namespace and name. They are shared: copy an object before handing it out. */
  objects(): AnyObject[] {
    const valid = [...this.#entries].filter(([, entry]) => entry.problem === undefined)
    valid.sort(([a], [b]) => (a < b ? -1 : 1))
    return valid.flatMap(([, entry]) => (entry.object === undefined ? [] : [entry.object]))
  }

  problems(): StoreProblem[] {
    const broken = [...this.#entries.values()].flatMap((entry) => entry.problem ?? [])
    return [...this.#misplaced.values(), ...broken].map((problem) => ({ ...problem }))
  }

  /** Reports everything that exists, then every change. Returns a function that removes the listener. */
  watch(listener: (event: StoreEvent) => void): Promise<() => void> {
    return this.#inOrder(async () => {
      this.#watcher ??= watchFolders((paths) => {
        if (!this.#closed) void this.#inOrder(() => this.#scanOnly(paths))
      }, this.#timing)
      await this.#scan()
      this.#reportAll(listener)
      this.#listeners.add(listener)
      return () => void this.#listeners.delete(listener)
    })
  }

  /** Deletes temporary files and locks that killed writers left behind. */
  async sweep(ageMs: number): Promise<void> {
    for (const folder of (await listFolder(this.#root)).folders) {
      await sweepTemporary(folder, ageMs)
      const names = await readdir(folder).catch((): string[] => [])
      for (const name of names) if (isLockName(name)) await sweepLock(join(folder, name))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watcher?.close()
    this.#listeners.clear()
    await this.#queue
  }

  /** Runs one reader at a time, so that events come in the order of the versions. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  #reportAll(listener: (event: StoreEvent) => void): void {
    for (const { object, problem } of this.#entries.values()) {
      if (object !== undefined) listener({ type: 'applied', object: copyOf(object) })
      if (problem !== undefined) listener({ type: 'problem', problem })
    }
    for (const problem of this.#misplaced.values()) listener({ type: 'problem', problem })
  }

  #emit(event: StoreEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event.type === 'applied' ? { ...event, object: copyOf(event.object) } : event)
      } catch (error) {
        // A bug in a listener must be visible, and must not stop the other listeners.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #forget(path: string, entry: Entry): void {
    this.#entries.delete(path)
    if (entry.problem !== undefined) this.#emit({ type: 'resolved', where: path })
    if (entry.object !== undefined) {
      this.#emit({ type: 'deleted', kind: entry.kind, ref: entry.ref })
    }
  }

  async #read(kind: Kind, ref: ObjectRef, path: string): Promise<void> {
    const loaded = await this.#loader.load(kind, ref)
    const known = this.#entries.get(path)
    if (loaded.state === 'absent') {
      if (known !== undefined) this.#forget(path, known)
      return
    }
    if (known?.signature === loaded.signature && loaded.signature !== 'unreadable') return
    const entry: Entry = {
      kind,
      ref,
      object: loaded.state === 'object' ? loaded.object : known?.object,
      problem: loaded.state === 'problem' ? loaded.problem : undefined,
      signature: loaded.signature
    }
    this.#entries.set(path, entry)
    this.#reportChange(path, entry, known)
  }

  #reportChange(path: string, { object, problem }: Entry, known: Entry | undefined): void {
    if (problem !== undefined) {
      if (known?.problem?.message !== problem.message) this.#emit({ type: 'problem', problem })
      return
    }
    if (known?.problem !== undefined) this.#emit({ type: 'resolved', where: path })
    if (object !== undefined) this.#emit({ type: 'applied', object })
  }

  #noteMisplaced(found: readonly StoreProblem[]): void {
    const now = new Map(found.map((problem) => [problem.where, problem]))
    for (const where of [...this.#misplaced.keys()]) {
      if (now.has(where)) continue
      this.#misplaced.delete(where)
      this.#emit({ type: 'resolved', where })
    }
    for (const problem of now.values()) {
      if (this.#misplaced.get(problem.where)?.message === problem.message) continue
      this.#misplaced.set(problem.where, problem)
      this.#emit({ type: 'problem', problem })
    }
  }

  async #scan(): Promise<void> {
    const listing = await listFolder(this.#root)
    this.#noteMisplaced(listing.problems)
    for (const { kind, ref, path } of listing.files) await this.#read(kind, ref, path)
    const present = new Set(listing.files.map((file) => file.path))
    for (const [path, entry] of [...this.#entries]) {
      const unknowable = listing.unlisted.some((folder) => path.startsWith(`${folder}/`))
      if (present.has(path) || unknowable) continue
      // The listing may be older than a write: read the file instead of trusting the listing.
      await this.#read(entry.kind, entry.ref, path)
    }
    this.#loader.keepOnly(new Set(this.#entries.keys()))
    this.#watcher?.follow(listing.folders)
  }

  /** Reads only the named documents when all are known: most changes are writes by this process. */
  async #scanOnly(paths: readonly string[] | undefined): Promise<void> {
    const known = paths?.map((path) => this.#entries.get(path))
    if (known === undefined || known.some((entry) => entry === undefined)) return this.#scan()
    for (const entry of known) {
      if (entry !== undefined) {
        await this.#read(entry.kind, entry.ref, objectPath(this.#root, entry.kind, entry.ref))
      }
    }
  }
}
