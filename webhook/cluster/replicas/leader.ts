import { randomBytes } from 'node:crypto'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Whether this process is the one that writes. */
export interface Leader {
  isLeader(): boolean
  /** Called when it becomes the one, or is no longer. Returns how to stop. */
  onChange(listener: (leads: boolean) => void): () => void
  /** Gives the lease back, so that the next one need not wait. */
  close(): Promise<void>
}

export interface LeaderOptions {
  call: ApiCall
  namespace: string
  /** Name of the Lease (coordination.k8s.io/v1). */
  name: string
  /** For people who look at the Lease; a random part is added. */
  identity: string
  logger: Logger
  /** Nobody takes a lease before it was silent for so long. */
  leaseMs?: number
  /** Between two tries, of leader and others. */
  retryMs?: number
}

interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  acquireTime?: string
  renewTime?: string
  leaseTransitions?: number
}
interface Lease {
  metadata: { name: string; namespace: string; resourceVersion?: string }
  spec: LeaseSpec
}

/** metav1.MicroTime. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z')

/**
 * Leader election by a Lease, as client-go does it: the holder renews, another one takes over when it
 * saw no renewal for the lease's duration by its own clock; a write carries the version that was
 * read, so of two takers one fails. A holder that cannot renew stops leading before anybody may take
 * over, whether or not its timers run.
 */
export function startLeader(options: LeaderOptions): Leader {
  const { call, namespace, name, logger, leaseMs = 15_000, retryMs = 2000 } = options
  const identity = `${options.identity}_${randomBytes(4).toString('hex')}`
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const listeners = new Set<(leads: boolean) => void>()
  /** The renewal that was seen last, and when (own clock). */
  let seen = ''
  let seenAt = 0
  let renewedAt = Number.NEGATIVE_INFINITY
  let told = false
  let complaint = ''
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let running: Promise<void> = Promise.resolve()

  const isLeader = (): boolean => performance.now() - renewedAt < leaseMs * (2 / 3)

  function tell(): void {
    const leads = isLeader()
    if (leads === told) return
    told = leads
    logger.info({ lease: name, identity }, leads ? 'this hub writes' : 'this hub stands by')
    for (const listener of [...listeners]) listener(leads)
  }

  async function read(): Promise<Lease | undefined> {
    try {
      return (await call('GET', `${collection}/${name}`, { timeoutMs: leaseMs / 3 })) as Lease
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  async function write(before: Lease | undefined, holder: string): Promise<void> {
    const now = microTime()
    const kept = before?.spec.holderIdentity === holder
    const spec: LeaseSpec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(leaseMs / 1000)),
      acquireTime: kept ? (before.spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.spec.leaseTransitions ?? 0) + (kept ? 0 : 1)
    }
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? { name, namespace },
      spec
    }
    const path = before === undefined ? collection : `${collection}/${name}`
    await call(before === undefined ? 'POST' : 'PUT', path, { body, timeoutMs: leaseMs / 3 })
  }

  async function attempt(): Promise<void> {
    const began = performance.now()
    const lease = await read()
    const holder = lease?.spec.holderIdentity ?? ''
    const renewal = `${holder} ${lease?.spec.renewTime ?? ''}`
    if (renewal !== seen) {
      seen = renewal
      seenAt = performance.now()
    }
    const free = holder === '' || holder === identity || performance.now() - seenAt >= leaseMs
    if (!free) {
      renewedAt = Number.NEGATIVE_INFINITY
      return
    }
    await write(lease, identity)
    // Who wrote nothing in a lapse looks again when it hears that it is over: also when it was a short one.
    tell()
    // From before the write: the others count from when they saw it, which is later.
    renewedAt = began
  }

  async function round(): Promise<void> {
    try {
      await attempt()
      complaint = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      // Another one was quicker: no news.
      if (code !== 'CONFLICT' && complaint !== code) logger.warn({ code }, `lease: ${message}`)
      complaint = code
    }
    tell()
    if (closed) return
    timer = setTimeout(
      () => {
        running = round()
      },
      retryMs * (0.8 + Math.random() * 0.4)
    )
  }

  running = round()

  return {
    isLeader,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await running
      if (isLeader()) {
        await read()
          .then((lease) => (lease === undefined ? undefined : write(lease, '')))
          .catch(() => undefined)
      }
      renewedAt = Number.NEGATIVE_INFINITY
      listeners.clear()
    }
  }
}
