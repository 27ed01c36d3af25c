import { type KubeConfig, Watch } from '@kubernetes/client-node'
import { httpStatus } from './kubernetes-errors.js'

/** A step in the life of a watch; for metrics and logs. */
export type ReflectorEvent = 'listed' | 'watching' | 'ended' | 'expired' | 'failed'

export interface RawObject {
  metadata: {
    namespace?: string
    name: string
    resourceVersion?: string
    uid?: string
    deletionTimestamp?: string
  }
  [key: string]: unknown
}

interface ReflectorOptions {
  config: KubeConfig
  /** API path of the collection, e.g. /apis/secco.dev/v1alpha1/seccompprofiles. */
  path: string
  /** Restricts the watch in the same way as `list`, e.g. a labelSelector. */
  query?: Readonly<Record<string, string>>
  /** Returns all objects as of `resourceVersion`. */
  list: () => Promise<{ items: RawObject[]; resourceVersion: string }>
  /** Receives the whole state after every list. */
  onList: (items: RawObject[]) => void
  onChange: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: RawObject) => void
  onEvent?: (event: ReflectorEvent, error?: unknown) => void
  /** First wait after a failure; doubles up to `longestMs`, each with up to a half of jitter. */
  firstMs?: number
  longestMs?: number
}

export interface Reflector {
  /** Resolves after the first complete list; rejects when that list fails. */
  ready: Promise<void>
  stop: () => void
}

/** The API server closes a watch by itself after this long. */
const watchSeconds = 290

type WatchEnd = 'resume' | 'relist'

/** CollectionReflector lists a collection once, then watches it from there until it is stopped. */
class CollectionReflector {
  readonly #options: ReflectorOptions
  readonly #watch: Watch
  readonly #stopped = new AbortController()
  #version = ''
  #failures = 0

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#watch = new Watch(options.config)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async list(): Promise<void> {
    const { items, resourceVersion } = await this.#options.list()
    if (this.#stopped.signal.aborted) return
    this.#version = resourceVersion
    this.#options.onList(items)
    this.#report('listed')
  }

  /** Watches, and lists again when the server has dropped the version, until stopped. */
  async run(): Promise<void> {
    let listed = true
    while (!this.#stopped.signal.aborted) {
      try {
        if (!listed) await this.list()
        listed = true
        const began = performance.now()
        const end = await this.#watchOnce()
        this.#report(end === 'relist' ? 'expired' : 'ended')
        listed = end === 'resume'
        // Pause so that a server that ends every watch at once is not called in a tight loop.
        if (performance.now() - began < 1000) await this.#pause()
      } catch (error) {
        this.#report('failed', error)
        await this.#pause()
      }
    }
  }

  #report(event: ReflectorEvent, error?: unknown): void {
    if (!this.#stopped.signal.aborted) this.#options.onEvent?.(event, error)
  }

  #receive(type: string, object: RawObject & { code?: number }): WatchEnd | undefined {
    if (type === 'ERROR') return object.code === 410 ? 'relist' : 'resume'
    this.#version = object.metadata.resourceVersion ?? this.#version
    this.#failures = 0
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
      this.#options.onChange(type, object)
    }
    return undefined
  }

  /** Runs one watch until it ends. */
  async #watchOnce(): Promise<WatchEnd> {
    const { signal } = this.#stopped
    let current: AbortController | undefined
    const abort = (): void => current?.abort()
    signal.addEventListener('abort', abort)
    try {
      return await new Promise<WatchEnd>((resolve, reject) => {
        const done = (error: unknown): void => {
          if (httpStatus(error) === 410) resolve('relist')
          else if (httpStatus(error) === undefined && isRegularEnd(error)) resolve('resume')
          else reject(error instanceof Error ? error : new Error(String(error)))
        }
        const event = (type: string, object: RawObject): void => {
          if (signal.aborted) return
          const end = this.#receive(type, object)
          if (end === undefined) return
          resolve(end)
          abort()
        }
        this.#report('watching')
        this.#watch.watch(this.#options.path, this.#query(), event, done).then((controller) => {
          current = controller
          if (signal.aborted) abort()
        }, reject)
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #query() {
    return {
      ...this.#options.query,
      resourceVersion: this.#version,
      allowWatchBookmarks: true,
      timeoutSeconds: watchSeconds
    }
  }

  async #pause(): Promise<void> {
    const { firstMs = 200, longestMs = 10_000 } = this.#options
    const longest = Math.min(longestMs, firstMs * 2 ** Math.min(this.#failures, 20))
    this.#failures += 1
    await wait(longest / 2 + (Math.random() * longest) / 2, this.#stopped.signal)
  }
}

/**
 * Keeps a copy of a collection up to date: it lists, watches from there, and resumes after every end. The
 * library's informers stop permanently after a dropped connection, so the loop is here: one watch at a time and
 * jittered backoff. A watch without data for 30 s is dropped (the library's own limit; bookmarks
 * and a new watch from the last version make that harmless); 410 Gone causes a new list.
 */
export function startReflector(options: ReflectorOptions): Reflector {
  const reflector = new CollectionReflector(options)
  const ready = reflector.list()
  void ready.then(
    () => reflector.run(),
    () => undefined
  )
  return { ready, stop: () => reflector.stop() }
}

/** Whether a watch ended without a failure: the server closed it, or it had no data for too long. */
function isRegularEnd(error: unknown): boolean {
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
