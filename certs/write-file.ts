import { randomBytes } from 'node:crypto'
import { link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeccoError } from '../src/errors.js'

async function writeTemporary(path: string, content: string, mode: number): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(temporary, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  return temporary
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function failed(path: string, error: unknown): SeccoError {
  const reason = error instanceof Error ? error.message : String(error)
  return new SeccoError('WRITE_FAILED', `cannot write ${path}: ${reason}`, { cause: error })
}

/** Replaces a file in one step that survives a crash. @throws SeccoError WRITE_FAILED. */
export async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  try {
    const temporary = await writeTemporary(path, content, mode)
    try {
      await rename(temporary, path)
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw error
    }
    await syncFolder(dirname(path))
  } catch (error) {
    throw failed(path, error)
  }
}

/**
 * Writes a file that must not exist yet, whole or not at all; of several processes one wins.
 * @returns false when there was one already. @throws SeccoError WRITE_FAILED.
 */
export async function createFile(path: string, content: string, mode: number): Promise<boolean> {
  try {
    const temporary = await writeTemporary(path, content, mode)
    try {
      await link(temporary, path)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
      throw error
    } finally {
      await unlink(temporary).catch(() => undefined)
    }
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    throw failed(path, error)
  }
}
