import { createHash } from 'node:crypto'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { createPace } from '../../../src/lib/pace.js'

/** What an event is about (core/v1 ObjectReference). */
export interface Regarding {
  apiVersion: string
  kind: string
  namespace: string
  name: string
  uid: string
}

export interface EventText {
  type: 'Normal' | 'Warning'
  /** CamelCase, from a closed set. */
  reason: string
  /** What was done, CamelCase. */
  action: string
  /** For people; at most 1,024 bytes are kept. */
  note: string
}

/** Tells people about objects where `kubectl describe` shows it. Never blocks, never throws. */
export interface EventRecorder {
  record(regarding: Regarding, text: EventText): void
  /** Events that were given up because too many came at once. */
  dropped(): number
  /** Resolves when everything recorded so far was tried. */
  flush(): Promise<void>
}

const longestNote = 1024
/** The same again within this time is counted, not written. */
const seriesMs = 600_000
const mostRemembered = 10_000
/** Events a second on average, and at once: the API server has other work. */
const perSecond = 20
const burst = 200
const mostQueued = 2000

interface Series {
  namespace: string
  name: string
  at: number
  count: number
}

const microTime = (now: number): string => new Date(now).toISOString().replace('Z', '000Z')

function cut(text: string): string {
  return Buffer.byteLength(text) <= longestNote ? text : `${text.slice(0, longestNote / 4)}…`
}

/**
 * Writes events.k8s.io/v1 events. The name is made of what is said, so that a second hub, or this one
 * after a restart, saying the same again changes nothing; repeats become a series (KEP-383) that is
 * written when it is first repeated and every ten minutes.
 */
export function createEventRecorder(options: {
  call: ApiCall
  /** Name of this replica. */
  instance: string
  logger: Logger
  now?: () => number
}): EventRecorder {
  const { call, instance, logger, now = Date.now } = options
  const known = new Map<string, Series>()
  const pace = createPace(perSecond, burst)
  let queued = 0
  let dropped = 0
  let complaint = ''
  let queue: Promise<void> = Promise.resolve()

  async function attempt(work: () => Promise<unknown>): Promise<void> {
    const wait = pace.take(now())
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    try {
      await work()
      complaint = ''
    } catch (error) {
      // Said before by another replica; or what it is about is gone, with its namespace.
      if (error instanceof SeccoError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND'))
        return
      const { code, message } = toSeccoError(error)
      if (complaint !== code) logger.warn({ code }, `events: ${message}`)
      complaint = code
    }
  }

  function enqueue(work: () => Promise<unknown>): void {
    if (queued >= mostQueued) {
      dropped += 1
      return
    }
    queued += 1
    queue = queue.then(() => attempt(work)).finally(() => (queued -= 1))
  }

  function remember(key: string, series: Series): void {
    known.delete(key)
    known.set(key, series)
    const [oldest] = known.keys()
    if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest)
  }

  return {
    record(regarding, { type, reason, action, note }) {
      const text = cut(note)
      const { namespace, uid } = regarding
      const key = createHash('sha256').update(`${uid} ${reason} ${text}`).digest('hex')
      const at = now()
      const before = known.get(key)
      const collection = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
      if (before !== undefined) {
        before.count += 1
        if (before.count > 2 && at - before.at < seriesMs) return
        before.at = at
        const series = { count: before.count, lastObservedTime: microTime(at) }
        const contentType = 'application/merge-patch+json'
        enqueue(() =>
          call('PATCH', `${collection}/${before.name}`, { body: { series }, contentType })
        )
        return
      }
      const name = `${regarding.name.slice(0, 200)}.${key.slice(0, 16)}`
      remember(key, { namespace, name, at, count: 1 })
      const body = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: microTime(at),
        reportingController: 'secco.dev/hub',
        reportingInstance: instance.slice(0, 128),
        ...{ type, reason, action, note: text, regarding }
      }
      enqueue(() => call('POST', collection, { body }))
    },
    dropped: () => dropped,
    flush: () => queue
  }
}
