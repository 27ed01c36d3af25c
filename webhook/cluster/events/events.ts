import { createHash } from 'node:crypto'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { createPace } from '../../../src/lib/pace.js'
import type { EventReason } from './event-reasons.js'

/** Regarding is the object of an event (core/v1 ObjectReference). */
export interface Regarding {
  apiVersion: string
  kind: string
  namespace: string
  name: string
  uid: string
}

export interface EventText {
  type: 'Normal' | 'Warning'
  reason: EventReason
  /** What was done, CamelCase. */
  action: string
  /** A text for people; at most 1,024 bytes are kept. */
  note: string
}

const longestNote = 1024
/** A repetition within this time is counted, not written. */
const seriesMs = 600_000
const mostRemembered = 10_000
/** Events per second on average, and at once, to spare the API server. */
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

interface EventRecorderOptions {
  call: ApiCall
  /** Name of this replica. */
  instance: string
  logger: Logger
  now?: () => number
}

type Request = () => Promise<unknown>

/** RequestQueue sends requests one after another, at a limited pace. */
class RequestQueue {
  readonly #logger: Logger
  readonly #now: () => number
  readonly #pace = createPace(perSecond, burst)
  #queue: Promise<void> = Promise.resolve()
  #queued = 0
  #dropped = 0
  /** Code of the failure that was logged last. */
  #logged = ''

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger
    this.#now = now
  }

  add(request: Request): void {
    if (this.#queued >= mostQueued) {
      this.#dropped += 1
      return
    }
    this.#queued += 1
    this.#queue = this.#queue
      .then(() => this.#send(request))
      .finally(() => {
        this.#queued -= 1
      })
  }

  dropped(): number {
    return this.#dropped
  }

  flush(): Promise<void> {
    return this.#queue
  }

  async #send(request: Request): Promise<void> {
    const wait = this.#pace.take(this.#now())
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    try {
      await request()
      this.#logged = ''
    } catch (error) {
      this.#handleFailure(error)
    }
  }

  #handleFailure(error: unknown): void {
    const { code, message } = toSeccoError(error)
    // Another replica wrote the event before, or its object is gone with its namespace.
    if (error instanceof SeccoError && (code === 'CONFLICT' || code === 'NOT_FOUND')) return
    if (this.#logged !== code) {
      this.#logger.warn({ code, reason: message }, 'event not written')
    }
    this.#logged = code
  }
}

/**
 * EventRecorder writes events.k8s.io/v1 events, which `kubectl describe` shows. It never blocks and never throws. An
 * event's name is a digest of its content, so that a second hub, or this one after a restart, does not write the same
 * event twice. Repetitions become a series (KEP-383), which is written at the first repetition and every ten minutes.
 */
export class EventRecorder {
  readonly #call: ApiCall
  readonly #instance: string
  readonly #now: () => number
  readonly #known = new Map<string, Series>()
  readonly #requests: RequestQueue

  constructor({ call, instance, logger, now = Date.now }: EventRecorderOptions) {
    this.#call = call
    this.#instance = instance
    this.#now = now
    this.#requests = new RequestQueue(logger, now)
  }

  record(regarding: Regarding, text: EventText): void {
    const note = cut(text.note)
    const content = `${regarding.uid} ${text.reason} ${note}`
    const key = createHash('sha256').update(content).digest('hex')
    const known = this.#known.get(key)
    if (known === undefined) this.#create(key, regarding, { ...text, note })
    else this.#repeat(known)
  }

  /** Returns the number of events that were dropped because too many came at once. */
  dropped(): number {
    return this.#requests.dropped()
  }

  /** Resolves when each event so far was sent once. */
  flush(): Promise<void> {
    return this.#requests.flush()
  }

  #create(key: string, regarding: Regarding, { type, reason, action, note }: EventText): void {
    // Events about objects of no namespace, as nodes, are in this one.
    const namespace = regarding.namespace || 'default'
    const at = this.#now()
    const name = `${regarding.name.slice(0, 200)}.${key.slice(0, 16)}`
    this.#known.set(key, { namespace, name, at, count: 1 })
    dropOldest(this.#known, mostRemembered)
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace },
      eventTime: microTime(at),
      reportingController: 'secco.dev/hub',
      reportingInstance: this.#instance.slice(0, 128),
      ...{ type, reason, action, note, regarding }
    }
    // Its name is a digest: a second one is a conflict, which is no failure.
    this.#requests.add(() =>
      this.#call('POST', collectionOf(namespace), { body, isRepeatable: true })
    )
  }

  #repeat(series: Series): void {
    const at = this.#now()
    series.count += 1
    if (series.count > 2 && at - series.at < seriesMs) return
    series.at = at
    const { namespace, name, count } = series
    const body = { series: { count, lastObservedTime: microTime(at) } }
    const contentType = 'application/merge-patch+json'
    const path = `${collectionOf(namespace)}/${name}`
    this.#requests.add(() => this.#call('PATCH', path, { body, contentType }))
  }
}

const collectionOf = (namespace: string): string =>
  `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
