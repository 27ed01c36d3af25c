import { type KubeConfig, Watch } from '@kubernetes/client-node'
import { httpStatus } from './kubernetes-errors.js'

/** What one watch went through; for metrics and logs. */
export type ReflectorEvent = 'listed' | 'watching' | 'ended' | 'expired' | 'failed'

export interface RawObject {
  metadata: { namespace?: string; name: string; resourceVersion?: string }
  [key: string]: unknown
}

export interface ReflectorOptions {
  config: KubeConfig
  /** API path of the collection, e.g. /apis/secco.dev/v1alpha1/seccompprofiles. */
  path: string
  /** Narrows the watch as `list` is narrowed, e.g. a labelSelector. */
  query?: Readonly<Record<string, string>>
  /** All objects as of `resourceVersion`. */
  list: () => Promise<{ items: RawObject[]; resourceVersion: string }>
  /** The whole state, after every list. */
  onList: (items: RawObject[]) => void
  onChange: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: RawObject) => void
  onEvent?: (event: ReflectorEvent, error?: unknown) => void
  /** First wait after a failure; doubles up to `longestMs`, each with up to a half of jitter. */
  firstMs?: number
  longestMs?: number
}

export interface Reflector {
  /** Resolves after the first complete list; rejects when that one fails. */
  ready: Promise<void>
  stop: () => void
}

/** The API server closes a watch by itself after this long. */
const watchSeconds = 290

type End = 'again' | 'relist'

/**
 * Keeps a copy of a collection true: list, watch from there, go on after every end. The library's
 * informers stop for good after a dropped connection, so the loop is here: one watch at a time,
 * jittered backoff, a watch that says nothing for 30 s is dropped (the library's own limit; bookmarks
 * and a new watch from the last version make that harmless), 410 Gone lists anew.
 */
export function startReflector(options: ReflectorOptions): Reflector {
  const { firstMs = 200, longestMs = 30_000 } = options
  const watch = new Watch(options.config)
  const stopped = new AbortController()
  let version = ''
  let failures = 0

  const report = (event: ReflectorEvent, error?: unknown): void => {
    if (!stopped.signal.aborted) options.onEvent?.(event, error)
  }

  async function list(): Promise<void> {
    const { items, resourceVersion } = await options.list()
    if (stopped.signal.aborted) return
    version = resourceVersion
    options.onList(items)
    report('listed')
  }

  function take(type: string, object: RawObject & { code?: number }): End | undefined {
    if (type === 'ERROR') return object.code === 410 ? 'relist' : 'again'
    version = object.metadata.resourceVersion ?? version
    failures = 0
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
      options.onChange(type, object)
    }
    return undefined
  }

  /** One watch, until it ends. */
  async function watchOnce(): Promise<End> {
    let current: AbortController | undefined
    const abort = (): void => current?.abort()
    stopped.signal.addEventListener('abort', abort)
    try {
      return await new Promise<End>((resolve, reject) => {
        const query = {
          ...options.query,
          resourceVersion: version,
          allowWatchBookmarks: true,
          timeoutSeconds: watchSeconds
        }
        const done = (error: unknown): void => {
          if (httpStatus(error) === 410) resolve('relist')
          else if (httpStatus(error) === undefined && isQuiet(error)) resolve('again')
          else reject(error instanceof Error ? error : new Error(String(error)))
        }
        const event = (type: string, object: RawObject): void => {
          if (stopped.signal.aborted) return
          const end = take(type, object)
          if (end !== undefined) {
            resolve(end)
            abort()
          }
        }
        report('watching')
        watch.watch(options.path, query, event, done).then((controller) => {
          current = controller
          if (stopped.signal.aborted) abort()
        }, reject)
      })
    } finally {
      stopped.signal.removeEventListener('abort', abort)
    }
  }

  async function pause(): Promise<void> {
    const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20))
    failures += 1
    await wait(longest / 2 + (Math.random() * longest) / 2, stopped.signal)
  }

  async function run(): Promise<void> {
    let listed = true
    while (!stopped.signal.aborted) {
      try {
        if (!listed) await list()
        listed = true
        const began = Date.now()
        const end = await watchOnce()
        report(end === 'relist' ? 'expired' : 'ended')
        listed = end === 'again'
        // A server that ends every watch at once must not be asked in a tight loop.
        if (Date.now() - began < 1000) await pause()
      } catch (error) {
        report('failed', error)
        await pause()
      }
    }
  }

  const ready = list()
  void ready.then(run, () => undefined)
  return { ready, stop: () => stopped.abort() }
}

/** How a watch ends when nothing is wrong: closed by the server, or silent for too long. */
function isQuiet(error: unknown): boolean {
  if (error === null || error === undefined) return true
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true }
    )
  })
}
