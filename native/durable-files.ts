import { getSystemErrorName } from 'node:util'
import { type Addon, loadAddon } from './addon.js'

export interface DurableFile {
  /** In the folder. */
  name: string
  content: Uint8Array
}

/** A failed write or removal: errno's name, and the file that it was of; empty: the folder. */
export class FileError extends Error {
  readonly code: string
  readonly file: string
  constructor(code: string, file: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
    this.file = file
  }
}

/** Many small files of one folder in one go. Both reject with a FileError. */
export interface DurableFiles {
  /** Each whole or not at all, and all durable when it resolves; what was written before a failure stays. */
  write(folder: string, files: readonly DurableFile[], mode: number): Promise<void>
  /** Those that are not there are no failure. */
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

/** undefined where the addon is not. */
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
