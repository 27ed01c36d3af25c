import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf } from '../../src/lib/durable-file.js'
import { SeccoError } from '../../src/lib/errors.js'
import { limits } from '../../src/api/limits.js'

function tooLarge(path: string, most: number): SeccoError {
  return new SeccoError(
    'TOO_LARGE',
    `${path}: has more than ${most} bytes; at most ${most} are accepted`
  )
}

function unreadable(path: string, cause: unknown, option = '-f'): SeccoError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new SeccoError('NOT_FOUND', `${path}: ${message}`, {
    cause,
    hint: `check the path given with ${option}`
  })
}

async function readStream(
  path: string,
  stream: AsyncIterable<Buffer | string>,
  most: number
): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Buffer)
    size += bytes.length
    if (size > most) throw tooLarge(path, most)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

/** How long a FIFO may have no writer. A shell may start the program that writes after the one that reads. */
const writerMs = 2000

/** Reads a pipe that does not block: who interrupts the command waits for no writer. */
async function* partsOfPipe(
  path: string,
  handle: FileHandle,
  option: string
): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(64 * 1024)
  const until = performance.now() + writerMs
  for (let isEmpty = true; ; ) {
    const bytes = await handle.read(buffer, 0, buffer.length, null).then(
      ({ bytesRead }) => bytesRead,
      (error: unknown) => {
        if (errnoOf(error) === 'EAGAIN') return undefined
        throw error
      }
    )
    if (bytes !== undefined && bytes > 0) {
      isEmpty = false
      yield Buffer.from(buffer.subarray(0, bytes))
      continue
    }
    if (bytes === 0 && !isEmpty) return
    if (bytes === 0 && performance.now() > until)
      throw unreadable(path, 'no process writes to this pipe', option)
    await delay(10)
  }
}

/**
 * Reads a file, or standard input for `-`; never more than `most` bytes, whatever the file is.
 * @param option the option that names the file
 */
export async function readBytes(path: string, most: number, option = '-f'): Promise<Uint8Array> {
  if (path === '-') return readStream(path, process.stdin as AsyncIterable<Buffer>, most)
  let handle: FileHandle | undefined
  try {
    // A FIFO without a writer must not block the command; a device is read up to the limit.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const isPipe = (await handle.stat()).isFIFO()
    const stream = isPipe
      ? partsOfPipe(path, handle, option)
      : handle.createReadStream({ autoClose: false })
    return await readStream(path, stream, most)
  } catch (error) {
    throw error instanceof SeccoError ? error : unreadable(path, error, option)
  } finally {
    await handle?.close()
  }
}

export interface InputFile {
  path: string
  /** Path below the given folder, or the file's own name. */
  words: string
}

/**
 * Lists the files that `-f` names: a file itself, and the files below a folder whose names match, sorted. Links are
 * not followed. @throws SeccoError TOO_LARGE, NOT_FOUND
 */
export async function inputFiles(
  given: readonly string[],
  endings: RegExp
): Promise<{ files: InputFile[]; skipped: string[] }> {
  const files: InputFile[] = []
  const skipped: string[] = []
  const visit = async (root: string, folder: string, depth: number): Promise<void> => {
    if (depth > limits.depth)
      throw new SeccoError('TOO_LARGE', `${folder}: lies deeper than ${limits.depth} folders`)
    const entries = await readdir(folder, { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) await visit(root, path, depth + 1)
      else if (!entry.isFile() || !endings.test(entry.name)) skipped.push(path)
      else files.push({ path, words: relative(root, path) })
      if (files.length > limits.files) {
        throw new SeccoError('TOO_LARGE', `${root}: has more than ${limits.files} files`)
      }
    }
  }
  for (const path of given) {
    if (path === '-') {
      files.push({ path, words: 'imported' })
      continue
    }
    try {
      await visit(path, path, 0)
    } catch (error) {
      if (error instanceof SeccoError) throw error
      if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw unreadable(path, error)
      files.push({ path, words: basename(path) })
    }
  }
  return { files, skipped }
}
