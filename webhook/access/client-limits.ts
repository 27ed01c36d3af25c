import { dropOldest } from '../../src/lib/drop-oldest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { networkOf } from '../../src/lib/network-of.js'
import { type Bucket, createBucket } from '../../src/lib/pace.js'

export interface Rate {
  perSecond: number
  burst: number
}

export interface ClientLimitsOptions {
  ofOne: Rate
  ofAll: Rate
  now: () => number
  /** What there is too much of, for the message. */
  what: string
  /** What a client that is limited can do; it can try again in a second in any case. */
  hint: string
}

const mostClients = 4096

/**
 * All addresses of the loopback are one machine: whoever can use one can use all of them. Everybody who has a tunnel to it
 * comes from there, too.
 */
const loopback = 'loopback'
const clientOf = (address: string): string =>
  /^(?:::ffff:)?127\.|^::1$/.test(address) ? loopback : address

/** What many clients together may take: half, so that they leave the other half to others. */
const halfOf = ({ perSecond, burst }: Rate): Rate => ({
  perSecond: perSecond / 2,
  burst: burst / 2
})

/**
 * ClientLimits bounds what the API server is asked for clients, for each one and in total. The loopback has many clients, and
 * a network of IPv6 has as many addresses as anybody in it wants.
 */
export class ClientLimits {
  readonly #options: ClientLimitsOptions
  readonly #all: Bucket
  readonly #clients = new Map<string, Bucket>()

  constructor(options: ClientLimitsOptions) {
    this.#options = options
    this.#all = createBucket(options.ofAll.perSecond, options.ofAll.burst)
  }

  /**
   * Takes room for a question. What one client sends beyond its limit takes nothing from the others.
   * @param address of the client, or its name
   * @throws SeccoError UNAVAILABLE, with `retryAfter`
   */
  take(address: string): void {
    const { ofOne, ofAll, now, what, hint } = this.#options
    const client = clientOf(address)
    const network = networkOf(client)
    const at = now()
    const takes = (name: string, rate: Rate): boolean => this.#bucketOf(name, rate).take(at)
    const whose = !takes(client, client === loopback ? halfOf(ofAll) : ofOne)
      ? `from ${client}`
      : network !== client && !takes(network, halfOf(ofAll))
        ? `from ${network}`
        : !this.#all.take(at)
          ? 'at once'
          : undefined
    if (whose === undefined) return
    throw new SeccoError('UNAVAILABLE', `too many ${what} ${whose}`, { retryAfter: 1, hint })
  }

  #bucketOf(name: string, { perSecond, burst }: Rate): Bucket {
    const bucket = this.#clients.get(name) ?? createBucket(perSecond, burst)
    // What asks all the time is kept, however many addresses ask once.
    this.#clients.delete(name)
    this.#clients.set(name, bucket)
    dropOldest(this.#clients, mostClients)
    return bucket
  }
}
