import { randomBytes } from 'node:crypto'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { Listeners } from '../../../src/lib/listeners.js'
import { type Lease, type LeaseSpec, microTime } from './lease.js'

interface LeaderOptions {
  call: ApiCall
  namespace: string
  /** Name of the Lease (coordination.k8s.io/v1). */
  name: string
  /** Shown to people in the Lease; a random part is added. */
  identity: string
  logger: Logger
  /** Another replica takes the lease when it was not renewed for this long. */
  leaseMs?: number
  /** Between two attempts, of the leader and of others. */
  retryMs?: number
  /** Returns where others reach this process, written into the lease; undefined: it is not known yet. */
  address?: () => string | undefined
}

/** Annotation of the Lease: `host:port` where its holder is reached; empty where it is not known. */
const addressAnnotation = 'secco.dev/address'

/**
 * Annotation of the Lease: `host:port` of a replica that waits for it, and when that was written. A holder that is cut
 * off from the API server sends satellites there: the next holder is most likely that replica.
 */
const standbyAnnotation = 'secco.dev/standby'
/** In durations of the Lease: how often a replica writes its address again, and how long others believe it. */
const announceEvery = 3
const announcedFor = 9

/** A holder that has not renewed the lease for so many intervals is late. */
const lateAfter = 3

interface LeaseObserved {
  /** The newest renewal that was seen. */
  renewal: string
  /** When it was seen, by this process's own clock. */
  at: number
}

/**
 * Leader is this process's part in the election of one writer among the replicas by a Lease, as client-go does: the
 * holder renews the lease, and another replica takes it when it saw no renewal for the lease's duration by its own
 * clock. A write carries the version that was read, so of two replicas one fails. A holder that cannot renew stops
 * leading before another replica may take the lease, whether or not its timers run.
 */
export class Leader {
  readonly #options: LeaderOptions
  readonly #identity: string
  readonly #collection: string
  readonly #leaseMs: number
  readonly #retryMs: number
  readonly #listeners = new Listeners<boolean>()
  #observed: LeaseObserved = { renewal: '', at: 0 }
  #leaderAddress: string | undefined
  #lastSign: string | undefined
  #vacantSince: string | undefined
  /** The replica on standby, as the Lease names it, and when this process saw that first. */
  #standby = { named: '', at: 0 }
  /** When the lease was last read. */
  #readAt = Number.NEGATIVE_INFINITY
  #renewedAt = Number.NEGATIVE_INFINITY
  /** What the listeners know. */
  #led = false
  /** Code of the failure that was logged last. */
  #logged = ''
  #timer: NodeJS.Timeout | undefined
  /** Fires when the time of this leader is over, even if a request to renew hangs. */
  #lapse: NodeJS.Timeout | undefined
  #closed = false
  #closing: Promise<void> | undefined
  #running: Promise<void>

  constructor(options: LeaderOptions) {
    const { namespace, identity, leaseMs = 15_000, retryMs = 2000 } = options
    this.#options = options
    this.#identity = `${identity}_${randomBytes(4).toString('hex')}`
    this.#collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
    this.#leaseMs = leaseMs
    this.#retryMs = retryMs
    this.#running = this.#round()
  }

  isLeader(): boolean {
    return performance.now() - this.#renewedAt < this.#leadMs
  }

  /** Returns whether this process could lead soon: it has read the lease lately. */
  isCandidate(): boolean {
    return !this.#closed && performance.now() - this.#readAt < this.#leaseMs / 2
  }

  /**
   * Returns where the other process that holds the lease is reached; undefined: not known, or this process leads, or
   * the other one is late to renew the lease, so that nobody should be sent there.
   */
  leaderAddress(): string | undefined {
    const isLate = performance.now() - this.#observed.at > lateAfter * this.#retryMs
    return isLate || this.isLeader() ? undefined : this.#leaderAddress
  }

  /** Returns where a replica is reached that waits for the lease; undefined: none is known but this one. */
  standbyAddress(): string | undefined {
    const { named, at } = this.#standby
    const isOld = performance.now() - at > announcedFor * this.#leaseMs
    return named === '' || isOld || this.#isOwn(named) ? undefined : named.split(' ')[0]
  }

  /** Returns when the lease was renewed last before this process got it; undefined: it was released, or there was none. */
  lastSign(): string | undefined {
    return this.#lastSign
  }

  /** Returns since when no other process led before this one got the lease; undefined: none ever did. */
  vacantSince(): string | undefined {
    return this.#vacantSince
  }

  /** Calls back when this process becomes or stops being the leader. Returns how to stop. */
  readonly onChange = this.#listeners.add

  /** Stops leading, and releases the lease, so that the next leader need not wait for it to expire. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
    const led = this.isLeader()
    this.#renewedAt = Number.NEGATIVE_INFINITY
    clearTimeout(this.#lapse)
    this.#notify()
    if (led) await this.#release().catch(() => undefined)
    this.#listeners.clear()
  }

  get #leadMs(): number {
    return this.#leaseMs * (2 / 3)
  }

  async #round(): Promise<void> {
    try {
      await this.#attempt()
      this.#logged = ''
    } catch (thrown) {
      this.#logFailure(thrown)
    }
    this.#notify()
    if (this.#closed) return
    this.#timer = setTimeout(
      () => {
        this.#running = this.#round()
      },
      this.#retryMs * (0.8 + Math.random() * 0.4)
    )
  }

  async #attempt(): Promise<void> {
    const began = performance.now()
    const lease = await this.#read()
    this.#readAt = performance.now()
    const named = lease?.metadata.annotations?.[standbyAnnotation] ?? ''
    if (named !== this.#standby.named) this.#standby = { named, at: this.#readAt }
    if (!this.#isFree(lease)) {
      this.#renewedAt = Number.NEGATIVE_INFINITY
      const address = lease?.metadata.annotations?.[addressAnnotation]
      this.#leaderAddress = address === '' ? undefined : address
      if (lease !== undefined) await this.#announce(lease)
      return
    }
    this.#leaderAddress = undefined
    await this.#write(lease, this.#identity)
    const { holderIdentity = '', renewTime } = lease?.spec ?? {}
    if (!this.isLeader()) {
      this.#lastSign = holderIdentity === '' ? undefined : renewTime
      this.#vacantSince = renewTime
    }
    // After a lapse, even a short one, listeners first get its end: then they know that they missed changes.
    this.#notify()
    // The time before the write: the other replicas count from when they saw it, which is later.
    this.#renewedAt = began
    this.#awaitLapse()
  }

  #isOwn(named: string): boolean {
    const own = this.#options.address?.()
    return own !== undefined && named.startsWith(`${own} `)
  }

  /** Writes into a lease that another process holds where this one is reached, unless it names a replica already. */
  async #announce({ metadata, ...rest }: Lease): Promise<void> {
    const own = this.#options.address?.()
    const { named, at } = this.#standby
    const keepMs = (this.#isOwn(named) ? announceEvery : announcedFor) * this.#leaseMs
    if (own === undefined || (named !== '' && performance.now() - at < keepMs)) return
    const annotations = { ...metadata.annotations, [standbyAnnotation]: `${own} ${microTime()}` }
    await this.#put({ ...rest, metadata: { ...metadata, annotations } })
  }

  #awaitLapse(): void {
    clearTimeout(this.#lapse)
    if (!this.isLeader()) {
      this.#notify()
      return
    }
    // Timers can fire a moment too early.
    const leftMs = this.#renewedAt + this.#leadMs - performance.now() + 1
    this.#lapse = setTimeout(() => this.#awaitLapse(), leftMs)
  }

  #isFree(lease: Lease | undefined): boolean {
    const holder = lease?.spec.holderIdentity ?? ''
    const renewal = `${holder} ${lease?.spec.renewTime ?? ''}`
    const now = performance.now()
    if (renewal !== this.#observed.renewal) this.#observed = { renewal, at: now }
    return holder === '' || holder === this.#identity || now - this.#observed.at >= this.#leaseMs
  }

  #notify(): void {
    const leads = this.isLeader()
    if (leads === this.#led) return
    this.#led = leads
    const { logger, name } = this.#options
    logger.info(
      { lease: name, identity: this.#identity },
      leads ? 'became leader' : 'stopped being leader'
    )
    this.#listeners.notify(leads)
  }

  #logFailure(thrown: unknown): void {
    const { code, message } = toSeccoError(thrown)
    // A conflict only means that another replica was faster.
    if (code !== 'CONFLICT' && this.#logged !== code) {
      this.#options.logger.warn({ code, reason: message }, 'lease not renewed')
    }
    this.#logged = code
  }

  async #read(): Promise<Lease | undefined> {
    const { call, name } = this.#options
    const timeoutMs = this.#leaseMs / 3
    try {
      return (await call('GET', `${this.#collection}/${name}`, { timeoutMs })) as Lease
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  async #release(): Promise<void> {
    const lease = await this.#read()
    if (lease !== undefined) await this.#write(lease, '')
  }

  async #write(before: Lease | undefined, holder: string): Promise<void> {
    const [metadata, spec] = [this.#metadataFor(before, holder), this.#specFor(before, holder)]
    await this.#put({ metadata, spec })
  }

  /** Writes a lease; one that was read before only if it has the same version still. */
  async #put(lease: Lease): Promise<void> {
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease }
    const isNew = lease.metadata.resourceVersion === undefined
    const path = isNew ? this.#collection : `${this.#collection}/${lease.metadata.name}`
    const timeoutMs = this.#leaseMs / 3
    await this.#options.call(isNew ? 'POST' : 'PUT', path, { body, timeoutMs })
  }

  #metadataFor(before: Lease | undefined, holder: string): Lease['metadata'] {
    const { name, namespace, address } = this.#options
    const metadata = before?.metadata ?? { name, namespace }
    if (address === undefined) return metadata
    const where = holder === '' ? '' : (address() ?? '')
    const standby = this.#isOwn(this.#standby.named) ? { [standbyAnnotation]: '' } : {}
    const annotations = { ...metadata.annotations, [addressAnnotation]: where, ...standby }
    return { ...metadata, annotations }
  }

  #specFor(before: Lease | undefined, holder: string): LeaseSpec {
    const now = microTime()
    const isKept = before?.spec.holderIdentity === holder
    return {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseMs / 1000)),
      acquireTime: isKept ? (before.spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.spec.leaseTransitions ?? 0) + (isKept ? 0 : 1)
    }
  }
}
