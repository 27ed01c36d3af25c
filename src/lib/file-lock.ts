import { randomBytes } from 'node:crypto'
import {
  access,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from './errors.js'
import { errnoOf, writeFailed } from './durable-file.js'
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js'

/*
 * A lock is a folder. It is taken while it holds a file, which names the owner and whose own name is a nonce, different for
 * every time the lock is taken. An empty folder is a free lock, as no folder is.
 *
 * - To take it is one step, which one process wins: rename(2) of a folder that already holds the file. It replaces an empty
 *   folder, and fails with ENOTEMPTY or EEXIST on one that is not.
 * - To free it is to unlink(2) the file, at the end or because the owner is dead. Several processes may find a lock stale at
 *   once: the slower one names the nonce that it read, and so cannot end what the faster one took meanwhile. A lock that is
 *   a single file would need a second lock for that, which a killed process would leave behind.
 * - rmdir(2) of the folder fails when somebody has taken the lock again.
 *
 * A lock of an earlier release is a file, which has no such name: two releases must not work on one folder at a time.
 *
 * A process that is killed between two of these steps leaves a lock that is stale or free, under the lock's own name, or
 * a temporary folder. The next process that uses the lock removes the first two, sweepTemporary() the third.
 */

interface Owner {
  identity: ProcessIdentity | undefined
  /** The path of the file that names the owner. */
  file: string
  ageMs: number
}

/** After this long a lock of a process that cannot be looked at (other pid namespace) is stale. */
const foreignStaleMs = 30_000

function parseIdentity(text: string): ProcessIdentity | undefined {
  const [pid, start, boot, space] = text.split('\n')
  if (pid === undefined || start === undefined || boot === undefined || space === undefined)
    return undefined
  return { pid: Number(pid), start, boot, space }
}

const noncePattern = /^[0-9a-f]{12}$/

/**
 * Returns the file that names the owner; undefined when the lock is free. A lock of an earlier release is that file itself.
 * Nothing else is ever taken for one, because it is deleted when its owner is gone: a link leads to files of others.
 */
async function fileOf(path: string): Promise<string | undefined> {
  const info = await lstat(path)
  if (info.isFile()) return path
  if (!info.isDirectory())
    throw new SeccoError('WRITE_FAILED', `${path} is in the place of a lock, and is none`, {
      hint: `look where it comes from, and remove it: rm ${path}`
    })
  const nonce = (await readdir(path)).find((name) => noncePattern.test(name))
  return nonce === undefined ? undefined : join(path, nonce)
}

/** Returns who holds the lock; undefined when it is free. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const file = await fileOf(path)
    if (file === undefined) return undefined
    const [text, info] = await Promise.all([readFile(file, 'utf8'), stat(file)])
    return { identity: parseIdentity(text), file, ageMs: Date.now() - info.mtimeMs }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error instanceof SeccoError ? error : writeFailed(path, error)
  }
}

function isStale(owner: Owner): boolean {
  // The content is complete from the first instant (rename(2)); only a power cut can garble it.
  if (owner.identity === undefined) return true
  const alive = isAlive(owner.identity)
  return alive === 'unknown' ? owner.ageMs > foreignStaleMs : !alive
}

/** Gives a folder that root made to the owner of the folder around it, who can then free a lock that root left. */
async function giveToOwner(temporary: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = await lstat(dirname(temporary))
  if (uid !== 0) await chown(temporary, uid, gid)
}

/** Takes the lock in one step and returns the file that names its owner; undefined when it is taken. */
async function tryAcquire(path: string): Promise<string | undefined> {
  const nonce = randomBytes(6).toString('hex')
  const { pid, start, boot, space } = ownIdentity()
  const temporary = join(dirname(path), `.tmp-${process.pid}-${nonce}`)
  try {
    await mkdir(temporary)
    await writeFile(join(temporary, nonce), [pid, start, boot, space].join('\n'))
    await giveToOwner(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    const errno = errnoOf(error)
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST' || errno === 'ENOTDIR') return undefined
    throw writeFailed(path, error)
  }
  try {
    // A process that stood still for long may have had its temporary folder emptied by sweepTemporary() before the rename.
    const file = join(path, nonce)
    await access(file)
    return file
  } catch (error) {
    throw writeFailed(path, error)
  }
}

/** Frees the lock if that file still names its owner. */
async function free(path: string, file: string): Promise<void> {
  try {
    await unlink(file)
  } catch (error) {
    // EISDIR: a lock of an earlier release was freed and taken again meanwhile.
    if (!['ENOENT', 'EISDIR'].includes(errnoOf(error) ?? '')) throw writeFailed(path, error)
  }
  await rmdir(path).catch(() => undefined)
}

/** Takes the lock and returns the file that names its owner. @param deadline by performance.now(): the clock of the machine may be set */
async function acquire(path: string, deadline: number): Promise<string> {
  for (let broken = 0; ; ) {
    const taken = await tryAcquire(path)
    if (taken !== undefined) return taken
    const owner = await readOwner(path)
    // Somebody who makes stale locks as fast as this breaks them ends it at the deadline.
    if (owner !== undefined && isStale(owner) && broken < 100) {
      await free(path, owner.file)
      broken += 1
      continue
    }
    if (performance.now() > deadline) {
      const holder = owner?.identity === undefined ? 'another process' : `pid ${owner.identity.pid}`
      throw new SeccoError('STORE_LOCKED', `${path} is held by ${holder}`)
    }
    await delay(2 + Math.random() * 10)
  }
}

/**
 * Runs `work` while holding the lock `path` (exclusive among processes and within this one).
 * A lock whose process is gone is broken. STORE_LOCKED after `timeoutMs`, WRITE_FAILED when the
 * lock cannot be made.
 */
export async function withFileLock<T>(
  path: string,
  timeoutMs: number,
  work: () => Promise<T>
): Promise<T> {
  const file = await acquire(path, performance.now() + timeoutMs)
  try {
    return await work()
  } finally {
    await free(path, file).catch(() => undefined)
  }
}

/** Removes a lock that a killed process left. Never throws. */
export async function sweepLock(path: string): Promise<void> {
  try {
    const owner = await readOwner(path)
    if (owner === undefined) await rmdir(path)
    else if (isStale(owner)) await free(path, owner.file)
  } catch {
    // Somebody else swept or took it, or the folder is read-only: nothing is held up by it.
  }
}
