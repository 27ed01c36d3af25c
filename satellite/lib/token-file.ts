import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { Worker } from '../../src/lib/worker.js'

interface WatchFileOptions {
  path: string
  /** Checks the trimmed text. @throws SeccoError if it is not valid. */
  check?: (text: string) => void
  onChange: (text: string) => void
  /** The text is not valid; the last valid one stays. Called once per state of the file. */
  onProblem: (error: SeccoError) => void
  debounceMs?: number
  pollMs?: number
}

/** Checks that a text is a JWT of a projected volume; it is never in the message. @throws SeccoError INVALID_DOCUMENT. */
export function checkToken(text: string): void {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text) || text.length > 16_384) {
    throw new SeccoError('INVALID_DOCUMENT', 'token file: no ServiceAccount token', {
      hint: 'mount a projected serviceAccountToken with audience secco-hub'
    })
  }
}

async function read({ path, check }: Pick<WatchFileOptions, 'path' | 'check'>): Promise<string> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    check?.(text)
    return text
  } catch (cause) {
    if (cause instanceof SeccoError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SeccoError('NOT_FOUND', `${path}: ${why}`, { cause, hint: 'check the path' })
  }
}

/**
 * Watches a small file that is renewed by others, as the kubelet does with tokens. The folder is watched, because the
 * kubelet replaces a link in it, and the file is also polled.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT for the first reading.
 */
export async function watchFile(options: WatchFileOptions): Promise<WatchedFile> {
  return new WatchedFile(options, await read(options))
}

/** WatchedFile is a file's newest valid text. */
class WatchedFile {
  readonly #options: WatchFileOptions
  readonly #reader: Worker
  readonly #watcher: FSWatcher | undefined
  #text: string
  /** The last problem that was reported. */
  #problem = ''
  #stopped = false

  constructor(options: WatchFileOptions, text: string) {
    this.#options = options
    this.#text = text
    this.#reader = new Worker(() => this.#read(), {
      delayMs: options.debounceMs ?? 250,
      maxDelayMs: Infinity,
      everyMs: options.pollMs ?? 30_000,
      onError: (error) => options.onProblem(toSeccoError(error))
    })
    this.#watcher = this.#watchFolder()
  }

  text(): string {
    return this.#text
  }

  stop(): void {
    this.#stopped = true
    void this.#reader.close()
    this.#watcher?.close()
  }

  async #read(): Promise<void> {
    try {
      const text = await read(this.#options)
      this.#problem = ''
      if (this.#stopped || text === this.#text) return
      this.#text = text
      this.#options.onChange(text)
    } catch (thrown) {
      const error = toSeccoError(thrown)
      if (this.#stopped || this.#problem === error.message) return
      this.#problem = error.message
      this.#options.onProblem(error)
    }
  }

  #watchFolder(): FSWatcher | undefined {
    try {
      const folder = dirname(this.#options.path)
      const watcher = watch(folder, { persistent: false }, () => this.#reader.request())
      watcher.on('error', () => watcher.close())
      return watcher
    } catch {
      // A file system that cannot be watched is only polled.
      return undefined
    }
  }
}
