import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync
} from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { errnoOf } from '../lib/durable-file.js'
import { toSeccoError } from '../lib/errors.js'
import { decodeStatusFile, type StatusFile } from './directory-status.js'

/** Four times what a stored object of a cluster may have (etcd's 1 MiB). */
const largestFile = 4 * 1024 * 1024
/** How often a pair of files is read that changes all the time. */
const mostReads = 100

export function signatureOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
}

/** Returns what changes whenever the file at a path does. */
export async function signatureAt(path: string): Promise<string> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined)
  return stats === undefined ? 'absent' : signatureOf(stats)
}

/** ReadFile is the text of a file, and what the file was when it was read. */
export interface ReadFile {
  text: string
  stats: BigIntStats
}

// O_NONBLOCK: a fifo must not hang the store. O_NOFOLLOW: nothing outside the folder is read.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

function checkFile(stats: BigIntStats): void {
  if (!stats.isFile()) throw new Error('is not a regular file')
  if (stats.size > largestFile)
    throw new Error(`has ${stats.size.toString()} bytes; accepted are up to ${largestFile}`)
}

/** How files are read. */
export interface Files {
  read(path: string): Promise<ReadFile> | ReadFile
  signatureAt(path: string): Promise<string> | string
}

/** For a hub, which has to answer admissions while a disk does not answer. */
export const inBackground: Files = {
  async read(path) {
    const handle = await open(path, openFlags)
    try {
      const stats = await handle.stat({ bigint: true })
      checkFile(stats)
      return { text: await handle.readFile('utf8'), stats }
    } finally {
      await handle.close()
    }
  },
  signatureAt
}

/** For a command that waits for all of them: it takes a third of the time. */
export const atOnce: Files = {
  read(path) {
    const fd = openSync(path, openFlags)
    try {
      const stats = fstatSync(fd, { bigint: true })
      checkFile(stats)
      return { text: readFileSync(fd, 'utf8'), stats }
    } finally {
      closeSync(fd)
    }
  },
  signatureAt(path) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? 'absent' : signatureOf(stats)
  }
}

/** Returns why a file could not be used, without its path. */
export function reasonOf(error: unknown, path: string): string {
  if (errnoOf(error) === 'ELOOP') return 'is a symbolic link: not followed'
  const { message } = toSeccoError(error)
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message
}

/** What open(2) fails with where something lies that is no file. */
const noFiles = new Set(['ELOOP', 'EISDIR', 'ENXIO'])

/** A status file that was read, that is not there, or that cannot be used. */
export interface ReadStatus {
  file?: StatusFile
  reason?: string
  signature: string
}

async function readStatus(files: Files, path: string): Promise<ReadStatus> {
  let signature = 'absent'
  try {
    const { text, stats } = await files.read(path)
    signature = signatureOf(stats)
    return { file: decodeStatusFile(text), signature }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return { signature }
    // Too many open files, or a disk that fails for a moment: the status is not lost, and the object is read again.
    if (errno !== undefined && !noFiles.has(errno)) throw error
    return { reason: reasonOf(error, path), signature: await files.signatureAt(path) }
  }
}

/** Reads the two files of an object as they were at one moment: writers change the status file first. */
export async function readPair(
  files: Files,
  path: string,
  pathOfStatus: string
): Promise<{ yaml: ReadFile; status: ReadStatus }> {
  for (let nth = 1; ; nth += 1) {
    const yaml = await files.read(path)
    const status = await readStatus(files, pathOfStatus)
    if (nth === mostReads || (await files.signatureAt(path)) === signatureOf(yaml.stats))
      return { yaml, status }
  }
}
