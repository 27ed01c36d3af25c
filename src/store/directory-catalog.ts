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
  /** The last sound version: a file that someone is breaking keeps what it said. */
  object: AnyObject | undefined
  problem: StoreProblem | undefined
  signature: string
}

/** What the folder holds, kept up to date, and who wants to hear of changes. */
export interface Catalog {
  /** Reads what changed since; resolves when it is known. */
  refresh(): Promise<void>
  /** The same for one object, after a write of our own. */
  touch(kind: Kind, ref: ObjectRef): Promise<void>
  /** Sound objects by namespace and name. They are shared: copy before giving them away. */
  objects(): AnyObject[]
  problems(): StoreProblem[]
  watch(listener: (event: StoreEvent) => void): Promise<() => void>
  /** Deletes what killed writers left behind. */
  sweep(ageMs: number): Promise<void>
  close(): Promise<void>
}

export function createCatalog(
  root: string,
  loader: Loader,
  timing: { debounceMs: number; pollMs: number }
): Catalog {
  const entries = new Map<string, Entry>()
  const misplaced = new Map<string, StoreProblem>()
  const listeners = new Set<(event: StoreEvent) => void>()
  let watcher: FolderWatch | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let closed = false

  /** One reader at a time, so that events come in the order of the versions. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }

  function emit(event: StoreEvent): void {
    for (const listener of listeners) {
      try {
        listener(event.type === 'applied' ? { ...event, object: copyOf(event.object) } : event)
      } catch (error) {
        // A listener's defect must be seen, and must not stop the others.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  function forget(path: string, entry: Entry): void {
    entries.delete(path)
    if (entry.problem !== undefined) emit({ type: 'resolved', where: path })
    if (entry.object !== undefined) emit({ type: 'deleted', kind: entry.kind, ref: entry.ref })
  }

  async function look(kind: Kind, ref: ObjectRef, path: string): Promise<void> {
    const loaded = await loader.load(kind, ref)
    const known = entries.get(path)
    if (loaded.state === 'absent') {
      if (known !== undefined) forget(path, known)
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
    entries.set(path, entry)
    if (entry.problem !== undefined) {
      if (known?.problem?.message !== entry.problem.message) {
        emit({ type: 'problem', problem: entry.problem })
      }
      return
    }
    if (known?.problem !== undefined) emit({ type: 'resolved', where: path })
    if (loaded.state === 'object') emit({ type: 'applied', object: loaded.object })
  }

  function noteMisplaced(found: readonly StoreProblem[]): void {
    const now = new Map(found.map((problem) => [problem.where, problem]))
    for (const where of [...misplaced.keys()]) {
      if (now.has(where)) continue
      misplaced.delete(where)
      emit({ type: 'resolved', where })
    }
    for (const problem of now.values()) {
      if (misplaced.get(problem.where)?.message === problem.message) continue
      misplaced.set(problem.where, problem)
      emit({ type: 'problem', problem })
    }
  }

  async function scan(): Promise<void> {
    const listing = await listFolder(root)
    noteMisplaced(listing.problems)
    for (const { kind, ref, path } of listing.files) await look(kind, ref, path)
    const present = new Set(listing.files.map((file) => file.path))
    for (const [path, entry] of [...entries]) {
      const unknowable = listing.unlisted.some((folder) => path.startsWith(`${folder}/`))
      if (present.has(path) || unknowable) continue
      // Listed before it was written: look again rather than believe an older listing.
      await look(entry.kind, entry.ref, path)
    }
    loader.keepOnly(new Set(entries.keys()))
    watcher?.follow(listing.folders)
  }

  /** Documents that are known are looked at alone: mostly the change was a write of our own. */
  async function scanOnly(paths: readonly string[] | undefined): Promise<void> {
    const known = paths?.map((path) => entries.get(path))
    if (known === undefined || known.some((entry) => entry === undefined)) return scan()
    for (const entry of known) {
      if (entry !== undefined)
        await look(entry.kind, entry.ref, objectPath(root, entry.kind, entry.ref))
    }
  }

  return {
    refresh: () => inTurn(scan),
    touch: (kind, ref) => inTurn(() => look(kind, ref, objectPath(root, kind, ref))),
    objects() {
      const sound = [...entries].filter(([, entry]) => entry.problem === undefined)
      sound.sort(([a], [b]) => (a < b ? -1 : 1))
      return sound.flatMap(([, entry]) => (entry.object === undefined ? [] : [entry.object]))
    },
    problems() {
      const broken = [...entries.values()].flatMap((entry) => entry.problem ?? [])
      return [...misplaced.values(), ...broken].map((problem) => ({ ...problem }))
    },
    watch(listener) {
      return inTurn(async () => {
        watcher ??= watchFolders((paths) => {
          if (!closed) void inTurn(() => scanOnly(paths))
        }, timing)
        await scan()
        for (const entry of entries.values()) {
          if (entry.object !== undefined)
            listener({ type: 'applied', object: copyOf(entry.object) })
          if (entry.problem !== undefined) listener({ type: 'problem', problem: entry.problem })
        }
        for (const problem of misplaced.values()) listener({ type: 'problem', problem })
        listeners.add(listener)
        return () => void listeners.delete(listener)
      })
    },
    async sweep(ageMs) {
      for (const folder of (await listFolder(root)).folders) {
        await sweepTemporary(folder, ageMs)
        const names = await readdir(folder).catch((): string[] => [])
        for (const name of names) if (isLockName(name)) await sweepLock(join(folder, name))
      }
    },
    async close() {
      closed = true
      watcher?.close()
      listeners.clear()
      await queue
    }
  }
}
