import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeccoError, toSeccoError } from '../src/lib/errors.js'
import { Worker } from '../src/lib/worker.js'
import type { PairPaths } from './files.js'
import { type CertificatePair, checkPair, isSignedBy } from './pair.js'

interface WatchPairOptions {
  paths: PairPaths
  /** The pair in use now; only a difference is reported. */
  current: CertificatePair
  /** Called with a checked pair that differs from the last one. What it throws goes to `onProblem`. */
  onChange: (pair: CertificatePair) => void
  /** The pair on disk cannot be used; the old one stays. Called once per state of the files. */
  onProblem: (error: SeccoError) => void
  debounceMs?: number
  pollMs?: number
}

async function readPairFiles(paths: PairPaths): Promise<CertificatePair> {
  const [cert, key, ca] = await Promise.all(
    [paths.cert, paths.key, paths.ca].map((path) => readFile(path, 'utf8'))
  )
  return { cert: cert ?? '', key: key ?? '', ca: ca ?? '' }
}

function fingerprint(pair: CertificatePair): string {
  return `${pair.cert}\n${pair.key}\n${pair.ca}`
}

/** Checks that key and certificate belong together, and that the bundle has the authority that signed them. */
function check(pair: CertificatePair, paths: PairPaths): void {
  const certificate = checkPair(pair, paths.cert)
  if (!isSignedBy(certificate, pair.ca, paths.ca)) {
    throw new SeccoError(
      'CERTIFICATE_INVALID',
      `${paths.cert}: not signed by an authority in ${paths.ca}`
    )
  }
}

/**
 * Watches a certificate pair on disk: the folders (files are replaced by renaming, and the kubelet swaps a link),
 * debounced because a rotation takes several steps, and polled for file systems that do not notify.
 * @returns `check` reads the files at once and resolves when that is done; `stop` ends the watch.
 */
export function watchPair(options: WatchPairOptions): {
  check: () => Promise<void>
  stop: () => void
} {
  const pair = new PairWatch(options)
  return { check: () => pair.check(), stop: () => pair.stop() }
}

/** PairWatch reports the valid pairs that appear on disk. */
class PairWatch {
  readonly #options: WatchPairOptions
  readonly #reader: Worker
  readonly #watchers: FSWatcher[]
  #last: string
  /** The last pair that was not valid. */
  #rejected = ''
  #stopped = false

  constructor(options: WatchPairOptions) {
    this.#options = options
    this.#last = fingerprint(options.current)
    this.#reader = new Worker(() => this.#read(), {
      delayMs: options.debounceMs ?? 250,
      maxDelayMs: Infinity,
      everyMs: options.pollMs ?? 60_000,
      onError: (error) => {
        if (!this.#stopped) options.onProblem(toSeccoError(error))
      }
    })
    const { cert, key, ca } = options.paths
    const folders = new Set([cert, key, ca].map(dirname))
    this.#watchers = [...folders].flatMap((folder) => this.#watchFolder(folder) ?? [])
  }

  check(): Promise<void> {
    return this.#reader.runNow()
  }

  stop(): void {
    this.#stopped = true
    void this.#reader.close()
    for (const watcher of this.#watchers) watcher.close()
  }

  async #read(): Promise<void> {
    const { paths, onChange } = this.#options
    const pair = await readPairFiles(paths)
    const now = fingerprint(pair)
    if (this.#stopped || now === this.#last || now === this.#rejected) return
    this.#rejected = now
    check(pair, paths)
    onChange(pair)
    this.#last = now
    this.#rejected = ''
  }

  #watchFolder(folder: string): FSWatcher | undefined {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#reader.request())
      watcher.on('error', () => watcher.close())
      return watcher
    } catch {
      // A folder that cannot be watched (no inotify instance is left) is only polled.
      return undefined
    }
  }
}
