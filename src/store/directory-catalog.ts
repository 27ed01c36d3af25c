import { objectPath, refOfPath } from './directory-layout.js'
import type { Loaded, Loader } from './directory-load.js'
import { type Listing, listFolder } from './directory-scan.js'
import { forEachAtOnce } from '../lib/at-once.js'
import { type FolderWatch, watchFolders } from '../lib/folder-watch.js'
import type { AnyObject, Kind } from '../api/objects.js'
import type { ObjectRef, StoreEvent, StoreProblem } from './store.js'

interface Entry {
  kind: Kind
  ref: ObjectRef
  /** The last valid version: it stays while the file is broken. */
  object: AnyObject | undefined
  /** Whether that version is the present one. */
  isValid: boolean
  problem: StoreProblem | undefined
  signature: string
}

/** How soon the catalog reads a change, and how often it scans the folder without one. */
interface Timing {
  debounceMs: number
  pollMs: number
}

/** Files that are read at the same time. */
const readsAtOnce = 16
/** Objects whose files a poll compares; with more of them it takes turns, so that an idle hub of 10,000 stays idle. */
const polledAtOnce = 500

/**
 * DirectoryCatalog finds the objects of a folder. From the first watch on it holds them, keeps them up to date, and reports
 * changes to listeners; until then it reads what it is asked for.
 */
export class DirectoryCatalog {
  readonly #root: string
  readonly #loader: Loader
  readonly #timing: Timing
  readonly #entries = new Map<string, Entry>()
  readonly #misplaced = new Map<string, StoreProblem>()
  /** Problems of single objects, before anything was watched. */
  readonly #noted = new Map<string, StoreProblem>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  #unsettled: (kind: Kind, ref: ObjectRef) => void = () => undefined
  #watcher: FolderWatch | undefined
  #queue: Promise<unknown> = Promise.resolve()
  /** Objects that the next poll begins after. */
  #polled = 0
  #closed = false

  constructor(root: string, loader: Loader, timing: Timing) {
    this.#root = root
    this.#loader = loader
    this.#timing = timing
  }

  /** Reads one object again, after a write by this process. */
  async touch(kind: Kind, ref: ObjectRef): Promise<void> {
    if (this.#watcher === undefined) return
    await this.#inOrder(() => this.#read(kind, ref))
  }

  /** Notes what was found of one object that was read by itself. */
  note(problem: StoreProblem): void {
    if (this.#watcher === undefined) this.#noted.set(problem.where, problem)
  }

  /** Returns the valid objects by namespace and name. They are shared: copy an object before handing it out. */
  async held(): Promise<AnyObject[]> {
    await this.#inOrder(async () => this.#scan(await this.#list()))
    return this.#sorted().flatMap(({ object, isValid }) => (isValid && object ? [object] : []))
  }

  /** Whether the catalog holds all objects. */
  get isWatching(): boolean {
    return this.#watcher !== undefined
  }

  /** Reads the objects of a kind from their files, by namespace and name, and holds none of them. */
  readAll(kind: Kind, namespace: string | undefined): Promise<AnyObject[]> {
    return this.#inOrder(async () => {
      const { files } = await this.#list()
      const asked = files.filter(
        (file) => file.kind === kind && (namespace ?? file.ref.namespace) === file.ref.namespace
      )
      const found = new Map<string, AnyObject>()
      for (const [path, one] of this.#entries)
        if (one.kind === kind && (namespace ?? one.ref.namespace) === one.ref.namespace)
          this.#entries.delete(path)
      await forEachAtOnce(asked, readsAtOnce, async ({ ref, path }) => {
        const loaded = await this.#loader.read(kind, ref)
        if (loaded.state === 'object') found.set(path, loaded.object)
        if (loaded.state !== 'absent' && loaded.problem !== undefined)
          this.#entries.set(path, { ...entryOf(kind, ref, loaded, undefined), object: undefined })
      })
      return [...found].sort(byPath).map(([, object]) => object)
    })
  }

  problems(): StoreProblem[] {
    const broken = [...this.#entries.values()].flatMap((entry) => entry.problem ?? [])
    const all = [...this.#noted.values(), ...this.#misplaced.values(), ...broken]
    return [...new Map(all.map((one) => [one.where, one])).values()].map((one) => ({ ...one }))
  }

  /**
   * Reports everything that exists, then every change. Returns a function that removes the listener.
   * @param unsettled is called for what the store should write again
   */
  watch(
    listener: (event: StoreEvent) => void,
    unsettled: (kind: Kind, ref: ObjectRef) => void
  ): Promise<() => void> {
    return this.#inOrder(async () => {
      this.#unsettled = unsettled
      // What was read for a list has no listener yet.
      if (this.#watcher === undefined) this.#entries.clear()
      this.#watcher ??= watchFolders(
        {
          changed: (paths) => this.#soon(() => this.#changed(paths)),
          poll: () => this.#soon(() => this.#poll())
        },
        this.#timing
      )
      await this.#scan(await this.#list())
      this.#reportAll(listener)
      this.#listeners.add(listener)
      return () => void this.#listeners.delete(listener)
    })
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

  #soon(work: () => Promise<void>): void {
    if (!this.#closed) void this.#inOrder(work)
  }

  #sorted(): Entry[] {
    return [...this.#entries].sort(byPath).map(([, entry]) => entry)
  }

  #reportAll(listener: (event: StoreEvent) => void): void {
    for (const { object, problem } of this.#sorted()) {
      if (object !== undefined) listener({ type: 'applied', object })
      if (problem !== undefined) listener({ type: 'problem', problem })
    }
    for (const problem of this.#misplaced.values()) listener({ type: 'problem', problem })
  }

  #emit(event: StoreEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
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
    if (entry.problem !== undefined) this.#emit({ type: 'resolved', where: entry.problem.where })
    const { kind, ref, object } = entry
    const { uid } = object?.metadata ?? {}
    this.#emit({ type: 'deleted', kind, ref, ...(uid !== undefined && { uid }) })
  }

  async #read(kind: Kind, ref: ObjectRef): Promise<void> {
    const path = objectPath(this.#root, kind, ref)
    const loaded = await this.#loader.load(kind, ref)
    const known = this.#entries.get(path)
    if (loaded.state === 'absent') {
      if (known !== undefined) this.#forget(path, known)
      return
    }
    if (known?.signature === loaded.signature && loaded.signature !== 'unreadable') return
    const entry = entryOf(kind, ref, loaded, known)
    this.#entries.set(path, entry)
    this.#reportChange(entry, known)
    if (loaded.state === 'object' && !loaded.isSettled && !loaded.problem)
      this.#unsettled(kind, ref)
  }

  #reportChange({ object, problem, isValid }: Entry, known: Entry | undefined): void {
    const before = known?.problem
    if (before !== undefined && before.where !== problem?.where)
      this.#emit({ type: 'resolved', where: before.where })
    if (problem !== undefined && before?.message !== problem.message)
      this.#emit({ type: 'problem', problem })
    if (isValid && object !== undefined) this.#emit({ type: 'applied', object })
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

  async #list(): Promise<Listing> {
    const listing = await listFolder(this.#root)
    this.#noteMisplaced(listing.problems)
    return listing
  }

  /** Reads everything that changed. */
  async #scan(listing: Listing): Promise<void> {
    await forEachAtOnce(listing.files, readsAtOnce, ({ kind, ref }) => this.#read(kind, ref))
    await this.#readMissing(listing)
    this.#loader.keepOnly(new Set(this.#entries.keys()))
    this.#watcher?.follow(listing.folders)
  }

  /** Reads what is known and was not listed: the listing may be older than a write. */
  async #readMissing({ files, unlisted }: Listing): Promise<void> {
    const present = new Set(files.map((file) => file.path))
    for (const [path, { kind, ref }] of [...this.#entries]) {
      const unknowable = unlisted.some((folder) => path.startsWith(`${folder}/`))
      if (!present.has(path) && !unknowable) await this.#read(kind, ref)
    }
  }

  /** Reads the named objects alone: most changes are writes by this process. */
  async #changed(paths: readonly string[] | undefined): Promise<void> {
    const refs = paths?.map((path) => refOfPath(this.#root, path))
    if (refs === undefined || refs.includes(undefined)) return this.#scan(await this.#list())
    for (const found of refs) if (found !== undefined) await this.#read(found.kind, found.ref)
  }

  /** Reads what is new, and compares the files of some others. */
  async #poll(): Promise<void> {
    const listing = await this.#list()
    const [known, fresh] = [true, false].map((is) =>
      listing.files.filter(({ path }) => this.#entries.has(path) === is)
    ) as [Listing['files'], Listing['files']]
    if (this.#polled >= known.length) this.#polled = 0
    const files = known.slice(this.#polled, this.#polled + polledAtOnce)
    this.#polled += polledAtOnce
    for (const { kind, ref } of [...fresh, ...files]) await this.#read(kind, ref)
    await this.#readMissing(listing)
    this.#watcher?.follow(listing.folders)
  }
}

const byPath = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1)

function entryOf(
  kind: Kind,
  ref: ObjectRef,
  loaded: Exclude<Loaded, { state: 'absent' }>,
  known: Entry | undefined
): Entry {
  const isValid = loaded.state === 'object'
  const object = isValid ? loaded.object : known?.object
  const { problem, signature } = loaded
  return { kind, ref, object, isValid, problem, signature }
}
