import { randomBytes } from 'node:crypto'
import { link, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from './errors.js'
import { errnoOf, writeFailed } from './durable-file.js'
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js'

interface Owner {
  identity: ProcessIdentity | undefined
  /** Different for every time the lock was taken. */
  nonce: string
  ageMs: number
}

/** After this long a lock of a process that cannot be looked at (other pid namespace) is stale. */
const foreignStaleMs = 30_000

function parseOwner(text: string): { identity: ProcessIdentity; nonce: string } | undefined {
  const [pid, start, boot, space, nonce] = text.split('\n')
  if (pid === undefined || start === undefined || boot === undefined) return undefined
  if (space === undefined || nonce === undefined || !/^[0-9a-f]{12}$/.test(nonce)) return undefined
  return { identity: { pid: Number(pid), start, boot, space }, nonce }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const [text, info] = await Promise.all([readFile(path, 'utf8'), stat(path)])
    const parsed = parseOwner(text)
    const nonce =
      parsed?.nonce ?? `${info.ino.toString(16)}${Math.trunc(info.mtimeMs).toString(16)}`
    return { identity: parsed?.identity, nonce, ageMs: Date.now() - info.mtimeMs }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw writeFailed(path, error)
  }
}

function isStale(owner: Owner): boolean {
  // The content is complete from the first instant (link(2)); only a power cut can garble it.
  if (owner.identity === undefined) return true
  const alive = isAlive(owner.identity)
  return alive === 'unknown' ? owner.ageMs > foreignStaleMs : !alive
}

/** Creates the lock with its content in one step; undefined when it is taken. Returns its nonce. */
async function tryAcquire(path: string): Promise<string | undefined> {
  const nonce = randomBytes(6).toString('hex')
  const own = ownIdentity()
  const temporary = join(dirname(path), `.tmp-${process.pid}-${nonce}`)
  try {
    await writeFile(temporary, [own.pid, own.start, own.boot, own.space, nonce].join('\n'), {
      flag: 'wx'
    })
    await link(temporary, path)
    return nonce
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined
    throw writeFailed(path, error)
  } finally {
    await unlink(temporary).catch(() => undefined)
  }
}

/**
 * Removes a stale lock. Two processes may find it stale at once, and the slower one must not remove
 * the lock that the faster one took next: the right to break one taking is itself a lock, named by
 * that taking's nonce.
 */
async function breakStale(path: string, nonce: string, deadline: number): Promise<void> {
  const right = `${path}.${nonce}`
  await acquire(right, deadline)
  try {
    if ((await readOwner(path))?.nonce === nonce) await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  } finally {
    await unlink(right).catch(() => undefined)
  }
}

/** Returns the nonce of this taking. @param deadline by performance.now(): the clock of the machine may be set */
async function acquire(path: string, deadline: number): Promise<string> {
  for (;;) {
    const taken = await tryAcquire(path)
    if (taken !== undefined) return taken
    const owner = await readOwner(path)
    if (owner !== undefined && isStale(owner)) {
      await breakStale(path, owner.nonce, deadline)
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
 * Runs `work` while holding the lock file `path` (exclusive among processes and within this one).
 * A lock whose process is gone is broken. STORE_LOCKED after `timeoutMs`, WRITE_FAILED when the
 * lock cannot be made.
 */
export async function withFileLock<T>(
  path: string,
  timeoutMs: number,
  work: () => Promise<T>
): Promise<T> {
  const nonce = await acquire(path, performance.now() + timeoutMs)
  try {
    return await work()
  } finally {
    // A process in another pid namespace may have considered this one dead and broken the lock.
    const owner = await readOwner(path).catch(() => undefined)
    if (owner?.nonce === nonce) await unlink(path).catch(() => undefined)
  }
}

/** Removes a lock that a killed process left, when nobody else wants it. Never throws. */
export async function sweepLock(path: string): Promise<void> {
  try {
    const owner = await readOwner(path)
    if (owner !== undefined && isStale(owner))
      await breakStale(path, owner.nonce, performance.now() + 1000)
  } catch {
    // Somebody else sweeps it, or the folder is read-only: nothing is held up by it.
  }
}
