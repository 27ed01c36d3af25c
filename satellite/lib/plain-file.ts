import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'

/**
 * Reads files at paths where the author of a container, an image or a pod may have put something else: opening a FIFO
 * waits for a writer, a link leads to another file, and a sparse file of 1 GiB costs its author nothing.
 */

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
/** libuv adds O_CLOEXEC to each open(2). */
const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

/** The longest file that is read; no configuration and no filter is that long. As in native/addon/state/document.cc. */
const longestFile = 4 << 20

export interface PlainFile {
  stat: Stats
  bytes: Buffer
}

const isReadable = (stat: Stats): boolean => stat.isFile() && stat.size <= longestFile

/**
 * Reads a regular file of at most `longestFile`; undefined for anything else. If the file is truncated during the
 * read, the rest is missing; if it grows, the new part is.
 * @throws as open(2) does, ELOOP for a symbolic link.
 */
export async function readPlainFile(path: string): Promise<PlainFile | undefined> {
  const file = await open(path, flags)
  try {
    const stat = await file.stat()
    if (!isReadable(stat)) return undefined
    const bytes = Buffer.alloc(stat.size)
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return { stat, bytes: bytes.subarray(0, at) }
  } finally {
    await file.close()
  }
}

/**
 * Reads the same synchronously. If `known` returns true, the content is not read.
 * @throws as open(2) does, ELOOP for a symbolic link.
 */
export function readPlainFileSync(
  path: string,
  known: (stat: Stats) => boolean = () => false
): { stat: Stats; bytes: Buffer | undefined } {
  const fd = openSync(path, flags)
  try {
    const stat = fstatSync(fd)
    if (known(stat) || !isReadable(stat)) return { stat, bytes: undefined }
    const bytes = Buffer.alloc(stat.size)
    let at = 0
    while (at < bytes.length) {
      const read = readSync(fd, bytes, at, bytes.length - at, at)
      if (read === 0) break
      at += read
    }
    return { stat, bytes: bytes.subarray(0, at) }
  } finally {
    closeSync(fd)
  }
}
