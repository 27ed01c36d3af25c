import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'

export interface WatchFileOptions {
  path: string
  /** Checks the trimmed text. @throws what is wrong with it. */
  check?: (text: string) => void
  onChange: (text: string) => void
  /** A text that cannot be used; the last good one stays. Said once per state of the file. */
  onProblem: (error: SeccoError) => void
  debounceMs?: number
  pollMs?: number
}

/** A JWT of a projected volume. @throws SeccoError INVALID_DOCUMENT. The text is never in the message. */
export function checkToken(text: string): void {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text) || text.length > 16_384) {
    throw new SeccoError('INVALID_DOCUMENT', 'the token file holds no ServiceAccount token', {
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
 * A small file that somebody renews, as the kubelet does with tokens: its text as of now, and word of each later one.
 * The folder is watched, for the kubelet swaps a link in it; and it is read from time to time.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT for the first reading.
 */
export async function watchFile(
  options: WatchFileOptions
): Promise<{ text: () => string; stop: () => void }> {
  const { path, debounceMs = 250, pollMs = 30_000 } = options
  let last = await read(options)
  let complaint = ''
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const look = async (): Promise<void> => {
    try {
      const now = await read(options)
      complaint = ''
      if (stopped || now === last) return
      last = now
      options.onChange(now)
    } catch (thrown) {
      const error = toSeccoError(thrown)
      if (stopped || complaint === error.message) return
      complaint = error.message
      options.onProblem(error)
    }
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(path), { persistent: false }, () => {
      clearTimeout(timer)
      timer = setTimeout(() => void look(), debounceMs)
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // A file system that cannot be watched is read from time to time.
  }
  const poll = setInterval(() => void look(), pollMs)
  poll.unref()
  return {
    text: () => last,
    stop() {
      stopped = true
      clearTimeout(timer)
      clearInterval(poll)
      watcher?.close()
    }
  }
}
