import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'

export interface FolderWatch {
  /** Watches exactly these folders from now on. */
  follow(folders: readonly string[]): void
  close(): void
}

/**
 * Calls `changed` after something happened in one of the folders and then `debounceMs` of silence
 * (at most four times that), with the paths that it happened to where nothing else did; and `poll` every `pollMs`:
 * inotify may be out of watches and network file systems have none.
 */
export function watchFolders(
  { changed, poll }: { changed: (paths?: readonly string[]) => void; poll: () => void },
  { debounceMs, pollMs }: { debounceMs: number; pollMs: number }
): FolderWatch {
  const watchers = new Map<string, FSWatcher>()
  let pending: NodeJS.Timeout | undefined
  let waitingSince = 0
  /** Returns the paths that changed since the last call; undefined when a change has no known name. */
  let paths: Set<string> | undefined = new Set()

  function stir(path?: string): void {
    const now = performance.now()
    if (path === undefined) paths = undefined
    else paths?.add(path)
    if (pending === undefined) waitingSince = now
    else if (now - waitingSince > 3 * debounceMs) return
    clearTimeout(pending)
    pending = setTimeout(() => {
      pending = undefined
      const happened = paths
      paths = new Set()
      changed(happened === undefined ? undefined : [...happened])
    }, debounceMs)
  }

  function drop(folder: string): void {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }

  const polling = setInterval(poll, pollMs)
  polling.unref()
  return {
    follow(folders) {
      const wanted = new Set(folders)
      for (const folder of watchers.keys()) if (!wanted.has(folder)) drop(folder)
      for (const folder of wanted) {
        if (watchers.has(folder)) continue
        try {
          const watcher = watch(folder, { persistent: false }, (_event, name) => {
            // Our own locks and temporary files stir at every write; the rename that ends it counts.
            if (name?.startsWith('.') !== true) stir(name === null ? undefined : join(folder, name))
          })
          watcher.on('error', () => {
            drop(folder)
            stir()
          })
          watchers.set(folder, watcher)
          // Something may have come between the listing and now.
          stir()
        } catch {
          // ENOSPC, EMFILE or just removed: the poll sees it.
        }
      }
    },
    close() {
      clearTimeout(pending)
      clearInterval(polling)
      for (const folder of [...watchers.keys()]) drop(folder)
    }
  }
}
