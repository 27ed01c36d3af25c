import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeccoError, toSeccoError } from '../src/lib/errors.js'
import type { PairPaths } from './files.js'
import { type CertificatePair, checkPair, isSignedBy } from './pair.js'

export interface WatchPairOptions {
  paths: PairPaths
  /** What is in use now; only a difference is reported. */
  current: CertificatePair
  /** A checked pair that differs from the last one. What it throws goes to `onProblem`. */
  onChange: (pair: CertificatePair) => void
  /** A pair on disk that cannot be used; the old one stays. Said once per state of the files. */
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

/** A pair may only go into use when it fits together and its own authority is in the bundle. */
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
 * Watches a certificate pair on disk: the folders (files are renamed over, and the kubelet swaps a
 * link), with a debounce against half-done rotations and a poll for file systems that do not notify.
 * @returns `check` reads at once and resolves when done; `stop` ends it.
 */
export function watchPair(options: WatchPairOptions): {
  check: () => Promise<void>
  stop: () => void
} {
  const { paths, debounceMs = 250, pollMs = 60_000 } = options
  let last = fingerprint(options.current)
  let refused = ''
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    try {
      const pair = await readPairFiles(paths)
      const now = fingerprint(pair)
      if (stopped || now === last || now === refused) return
      refused = now
      check(pair, paths)
      options.onChange(pair)
      last = now
      refused = ''
    } catch (error) {
      if (!stopped) options.onProblem(toSeccoError(error))
    }
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void look(), debounceMs)
  }
  const watchers: FSWatcher[] = []
  for (const folder of new Set([paths.cert, paths.key, paths.ca].map(dirname))) {
    try {
      const watcher = watch(folder, { persistent: false }, soon)
      watcher.on('error', () => watcher.close())
      watchers.push(watcher)
    } catch {
      // A folder that cannot be watched (no inotify instance is left) is read from time to time.
    }
  }
  const poll = setInterval(() => void look(), pollMs)
  poll.unref()
  return {
    check: look,
    stop: () => {
      stopped = true
      clearTimeout(timer)
      clearInterval(poll)
      for (const watcher of watchers) watcher.close()
    }
  }
}
