import { getSystemErrorName } from 'node:util'
import { type Addon, loadAddon } from './addon.js'

interface DurableFile {
  /** Name in the folder. */
  name: string
  content: Uint8Array
}

/** A failed write or removal: the name of errno, and the file's name; empty for the folder. */
export class FileError extends Error {
  readonly code: string
  readonly file: string
  constructor(code: string, file: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
    this.file = file
  }
}

/** Writes and removes many small files of one folder at once. Both reject with a FileError. */
export interface DurableFiles {
  /** Writes each file as a whole; all are durable when it resolves. What was written before a failure stays. */
  write(folder: string, files: readonly DurableFile[], mode: number): Promise<void>
  /** Removes the files; a file that does not exist is no failure. */
  remove(folder: string, names: readonly string[]): Promise<void>
}

async function toFileError(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    const { errno, file, message } = error as { errno: number; file: string; message: string }
    throw new FileError(getSystemErrorName(-errno), file, message)
  }
}

/** Returns undefined if the addon cannot be loaded. */
export function durableFiles(): DurableFiles | undefined {
  let addon: Addon
  try {
    addon = loadAddon()
  } catch {
    return undefined
  }
  return {
    write: (folder, files, mode) =>
      toFileError(
        addon.writeFiles(
          folder,
          files.map(({ name }) => name),
          files.map(({ content }) => content),
          mode
        )
      ),
    remove: (folder, names) => toFileError(addon.removeFiles(folder, [...names]))
  }
}
