import { randomBytes } from 'node:crypto'
import { constants, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  lstat,
  rename,
  rmdir,
  stat,
  unlink,
  writeFile
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SeccoError } from './errors.js'

const temporaryPrefix = '.tmp-'

/** True for the name of a file that a write in progress (or a killed one) left behind. */
function isTemporaryName(name: string): boolean {
  return name.startsWith(temporaryPrefix)
}

/** The errno name of a failed system call (`ENOSPC`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** EACCES and EPERM (errno(3)): this user may not make the system call. Node.js has names, the addon numbers. */
const deniedNames: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM'])
const deniedNumbers: ReadonlySet<unknown> = new Set([13, 1])

/** Returns whether an error comes from a system call that this user may not make: its own, or one of its causes. */
export function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, errno } = error as { code?: unknown; errno?: unknown }
  return deniedNames.has(code) || deniedNumbers.has(errno) || isDenied(error.cause)
}

/** Content is what a file is to have; a large one comes in parts, so that nothing waits until all of it is made. */
export type Content = string | Uint8Array | AsyncIterable<string>

/** The next step where this user may not write: more free space, or another attempt, would not help. */
export const writeDeniedHint =
  'run it as the user whom the named folder belongs to, or as root; or give this user permission to write there'

/** WRITE_FAILED that names the path and the errno. */
export function writeFailed(path: string, error: unknown): SeccoError {
  const what = error instanceof Error ? error.message : String(error)
  const hint = isDenied(error) ? { hint: writeDeniedHint } : {}
  return new SeccoError('WRITE_FAILED', `cannot write ${path}: ${what}`, { cause: error, ...hint })
}

/** Makes the names in a folder durable (fsync(2): the file's fsync does not cover its entry). */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a folder and its parents; returns the uppermost new one. The `recursive` of Node.js never ends below /proc or a broken link. */
async function makeFolders(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, mode)
    return path
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return undefined
    const parent = await lstat(dirname(path)).catch(() => undefined)
    if (errnoOf(error) !== 'ENOENT' || parent !== undefined) throw error
  }
  const [first, own] = [await makeFolders(dirname(path), mode), await makeFolders(path, mode)]
  return first ?? own
}

/** Creates a folder and its parents, each entry durable. WRITE_FAILED when it cannot. */
export async function ensureFolder(folder: string, mode = 0o755): Promise<void> {
  const path = resolve(folder)
  try {
    const first = await makeFolders(path, mode)
    if (first === undefined) return
    for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
  } catch (error) {
    throw writeFailed(path, error)
  }
}

/** Returns a file's name that nobody can know before. */
const temporaryName = (): string =>
  `${temporaryPrefix}${process.pid}-${randomBytes(6).toString('hex')}`

/**
 * Writes and fsyncs a file of a temporary name beside `path`; `place` then puts it where it belongs. Its
 * name is durable only when its folder is synced.
 */
async function writeAside(
  path: string,
  content: Content,
  mode: number,
  place: (temporary: string) => Promise<void>
): Promise<void> {
  const unique = temporaryName()
  const temporary = join(dirname(path), unique)
  let handle: FileHandle | undefined
  try {
    handle = await open(temporary, 'wx', mode)
    await writeFile(handle, content)
    await handle.sync()
    await handle.close()
    handle = undefined
    await place(temporary)
  } catch (error) {
    await handle?.close().catch(() => undefined)
    await unlink(temporary).catch(() => undefined)
    throw error instanceof SeccoError ? error : writeFailed(path, error)
  }
}

async function syncAfter(path: string): Promise<void> {
  try {
    await syncFolder(dirname(path))
  } catch (error) {
    throw writeFailed(path, error)
  }
}

/**
 * Writes a file so that a crash at any moment leaves the old content or the new, never a part:
 * temporary name in the same folder, fsync, rename, fsync of the folder. WRITE_FAILED names the path.
 */
export async function writeDurable(path: string, content: Content, mode = 0o644): Promise<void> {
  await writeAside(path, content, mode, (temporary) => rename(temporary, path))
  await syncAfter(path)
}

/** Replaces a file at once. It is whole, but a crash of the machine may lose it. @throws as the system calls do */
export function replaceSync(path: string, content: string, mode: number): void {
  const temporary = join(dirname(path), temporaryName())
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode })
    renameSync(temporary, path)
  } catch (error) {
    try {
      unlinkSync(temporary)
    } catch {
      // It was never there.
    }
    throw error
  }
}

/** Appends to a file that exists, durably. A crash or an error may leave a part of the content. */
export async function appendDurable(path: string, content: Content): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_APPEND)
    await writeFile(handle, content)
    await handle.datasync()
  } catch (error) {
    throw writeFailed(path, error)
  } finally {
    await handle?.close().catch(() => undefined)
  }
}

/** The end of the name under which a file is kept that could not be read. */
export const asideSuffix = '.unreadable'

/**
 * Keeps a file that could not be read, or not all of it, under a name of its own, for people. The file itself stays until
 * it is written again. Returns the name; undefined when the file could not be kept.
 */
export async function keepUnreadable(path: string): Promise<string | undefined> {
  const kept = path + asideSuffix
  try {
    await unlink(kept).catch(() => undefined)
    await link(path, kept)
    return kept
  } catch {
    // Not every file system has hard links.
    return copyFile(path, kept).then(
      () => kept,
      () => undefined
    )
  }
}

/** Writes several files of one folder, whose names become durable together. */
export async function writeAllDurable(
  files: readonly { path: string; content: string | Uint8Array }[],
  mode = 0o644
): Promise<void> {
  for (const { path, content } of files) {
    await writeAside(path, content, mode, (temporary) => rename(temporary, path))
  }
  const [first] = files
  if (first !== undefined) await syncAfter(first.path)
}

/**
 * Writes two files of one folder: the first is durable before the second gets its name, and on a disk that is full
 * neither gets one.
 * @param isStill asked last: without it the second one is not written, for somebody else has
 */
export async function writeInOrderDurable(
  first: { path: string; content: string },
  second: { path: string; content: string },
  isStill: () => Promise<boolean>,
  mode = 0o644
): Promise<void> {
  await writeAside(second.path, second.content, mode, async (temporary) => {
    await writeDurable(first.path, first.content, mode)
    await ((await isStill()) ? rename(temporary, second.path) : unlink(temporary))
  })
  await syncAfter(second.path)
}

/**
 * Writes a file that must not exist yet, whole or not at all; of several processes one wins.
 * False when there was one already. WRITE_FAILED names the path.
 */
export async function createDurable(
  path: string,
  content: string | Uint8Array,
  mode = 0o644
): Promise<boolean> {
  let made = true
  await writeAside(path, content, mode, async (temporary) => {
    try {
      await link(temporary, path)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      made = false
    }
    await unlink(temporary)
  })
  await syncAfter(path)
  return made
}

/** Removes a file durably; false when there was none. */
export async function removeDurable(path: string): Promise<boolean> {
  try {
    await unlink(path)
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw writeFailed(path, error)
  }
}

/** Removes files of one folder durably; those that are not there are no failure. */
export async function removeAllDurable(paths: readonly string[]): Promise<void> {
  const [first] = paths
  if (first === undefined) return
  for (const path of paths) {
    try {
      await unlink(path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw writeFailed(path, error)
    }
  }
  await syncAfter(first)
}

/** Deletes a file, or a folder with the files in it; nothing deeper, because no writer makes that. */
async function removeTemporary(path: string): Promise<void> {
  const info = await lstat(path)
  if (!info.isDirectory()) return unlink(path)
  for (const name of await readdir(path)) await unlink(join(path, name))
  await rmdir(path)
}

/** Deletes temporary files and folders older than `ageMs` in a folder; returns how many. Never throws. */
export async function sweepTemporary(folder: string, ageMs: number): Promise<number> {
  let removed = 0
  const names = await readdir(folder).catch((): string[] => [])
  for (const name of names) {
    if (!isTemporaryName(basename(name))) continue
    const path = join(folder, name)
    try {
      if (ageMs > 0 && Date.now() - (await stat(path)).mtimeMs < ageMs) continue
      await removeTemporary(path)
      removed += 1
    } catch {
      // Its writer finished or another process swept it first.
    }
  }
  return removed
}
