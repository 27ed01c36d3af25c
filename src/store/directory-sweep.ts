import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { isLockName, lockPath, objectPath } from './directory-layout.js'
import { listFolder } from './directory-scan.js'
import { removeDurable, sweepTemporary } from '../lib/durable-file.js'
import { sweepLock, withFileLock } from '../lib/file-lock.js'

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/**
 * Deletes what killed writers left behind: temporary files, locks, and statuses whose document was removed. Never throws.
 * @param since when (performance.now()) a status was first seen without a document, by its path; kept between calls
 */
export async function sweepFolder(
  root: string,
  ageMs: number,
  since = new Map<string, number>()
): Promise<void> {
  const { hidden, orphans } = await listFolder(root)
  const folders = new Set(hidden.map(dirname))
  // Names change with every write. An editor may have moved a document away for a moment: a folder has to be quiet.
  const isQuiet = new Map<string, boolean>()
  for (const folder of new Set(orphans.map(({ path }) => dirname(path)))) {
    const info = await stat(folder).catch(() => undefined)
    isQuiet.set(folder, info !== undefined && Date.now() - info.mtimeMs > ageMs)
  }
  for (const folder of folders) await sweepTemporary(folder, ageMs)
  for (const path of hidden) if (isLockName(basename(path))) await sweepLock(path)
  const present = new Set(orphans.map(({ path }) => path))
  for (const path of since.keys()) if (!present.has(path)) since.delete(path)
  for (const { kind, ref, path } of orphans) {
    const first = since.get(path) ?? performance.now()
    since.set(path, first)
    if (isQuiet.get(dirname(path)) !== true && performance.now() - first < ageMs) continue
    const remove = async () => {
      if (!(await isThere(objectPath(root, kind, ref)))) await removeDurable(path)
    }
    // Whoever holds the lock, or a folder that cannot be written, leaves it for the next time.
    await withFileLock(lockPath(root, kind, ref), 1000, remove).catch(() => undefined)
  }
}
