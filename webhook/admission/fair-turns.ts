import { networkOf } from '../../src/lib/network-of.js'

/** Requests wait for turns for this long after a request of another client. Before, there is nobody to be fair to. */
const contendedMs = 1000
/** How long requests that waited are served before the event loop looks for new ones, in ms. */
const sliceMs = 2
const mostAccounts = 4096

interface Waiting {
  cost: number
  start: () => void
  isGone: () => boolean
}

/** Network is a group of clients that may all be one attacker; see network-of.ts. */
interface Network {
  /** What its clients were given of the event loop, in ms, on the clock of all networks. */
  used: number
  /** What the client of it that is served now had used. */
  clock: number
  /** Its clients with requests that wait. */
  waiting: number
}

interface Account {
  readonly network: Network
  /** Whether it is served before all that are not. */
  readonly isFirst: boolean
  /** What the client was given of the event loop, in ms, on the clock of its network. */
  used: number
  waiting: Waiting[]
}

/**
 * Returns the time of the event loop that a review may take, in ms: that of an ordinary review of its length. A hostile
 * one takes at most three times as much (test/webhook/admission/hostile-cost.test.ts).
 */
export const reviewCost = (bytes: number): number => 0.15 + bytes / 100_000

/** Returns whether one client is served before another one. */
function isBefore(one: Account, other: Account): boolean {
  if (one.isFirst !== other.isFirst) return one.isFirst
  if (one.network === other.network) return one.used < other.used
  return one.network.used < other.network.used
}

/**
 * FairTurns divides the event loop among clients by their addresses: when more than one client is there, the one that
 * was given least is next. Addresses of one IPv6 network share what the network is given. A client that proved to be an API
 * server is served before all others. Where one client is alone, nothing waits.
 */
export class FairTurns {
  readonly #now: () => number
  readonly #nextTurn: (run: () => void) => void
  readonly #accounts = new Map<string, Account>()
  readonly #networks = new Map<string, Network>()
  /** Accounts with requests that wait. */
  readonly #queue = new Set<Account>()
  /** What the network that is served now had used: one that was idle begins there, because idle time is no credit. */
  #clock = 0
  #last: string | undefined
  #contendedUntil = Number.NEGATIVE_INFINITY

  /** @param nextTurn runs a function after the event loop has looked for new requests */
  constructor(
    now: () => number = () => performance.now(),
    nextTurn: (run: () => void) => void = setImmediate
  ) {
    this.#now = now
    this.#nextTurn = nextTurn
  }

  /**
   * Resolves when it is the client's turn; undefined: it is now.
   * @param cost in ms
   * @param isGone returns whether the client has left: its turn then never comes, and costs it nothing
   * @param isFirst whether the client proved to be an API server
   */
  take(
    client: string,
    cost: number,
    isGone: () => boolean,
    isFirst = false
  ): Promise<void> | undefined {
    const now = this.#now()
    const account = this.#accountOf(client, isFirst)
    if (client !== this.#last) this.#contendedUntil = now + contendedMs
    this.#last = client
    if (this.#queue.size === 0 && now >= this.#contendedUntil) {
      this.#charge(account, cost)
      return undefined
    }
    return new Promise((start) => {
      if (this.#queue.size === 0) this.#nextTurn(this.#serve)
      if (account.waiting.length === 0) account.network.waiting += 1
      this.#queue.add(account)
      account.waiting.push({ cost, start, isGone })
    })
  }

  /** Number of clients that are remembered. */
  get size(): number {
    return this.#accounts.size
  }

  readonly #serve = (): void => {
    const end = this.#now() + sliceMs
    const goOn = (): void => {
      if (this.#now() >= end) this.#nextTurn(this.#serve)
      else serveNext()
    }
    const serveNext = (): void => {
      this.#serveNext()
      // What was served runs first, as a microtask: its time counts.
      if (this.#queue.size > 0) queueMicrotask(goOn)
    }
    serveNext()
  }

  #serveNext(): void {
    let next: Account | undefined
    for (const account of this.#queue) {
      const { waiting } = account
      while (waiting[0]?.isGone() === true) waiting.shift()
      if (waiting.length === 0) this.#leave(account)
      else if (next === undefined || isBefore(account, next)) next = account
    }
    const request = next?.waiting.shift()
    if (next === undefined || request === undefined) return
    if (next.waiting.length === 0) this.#leave(next)
    this.#charge(next, request.cost)
    request.start()
  }

  /** Takes an account without requests that wait out of the queue. */
  #leave(account: Account): void {
    if (this.#queue.delete(account)) account.network.waiting -= 1
  }

  #accountOf(client: string, isFirst: boolean): Account {
    const name = isFirst ? `first ${client}` : client
    const account = this.#accounts.get(name) ?? this.#newAccount(name, client, isFirst)
    const { network, waiting } = account
    if (network.waiting === 0) network.used = Math.max(network.used, this.#clock)
    if (waiting.length === 0) account.used = Math.max(account.used, network.clock)
    return account
  }

  #newAccount(name: string, client: string, isFirst: boolean): Account {
    if (this.#accounts.size >= mostAccounts) this.#forgetIdle()
    const ofNetwork = isFirst ? name : networkOf(client)
    const network = this.#networks.get(ofNetwork) ?? { used: this.#clock, clock: 0, waiting: 0 }
    this.#networks.set(ofNetwork, network)
    const account = { network, isFirst, used: network.clock, waiting: [] }
    this.#accounts.set(name, account)
    return account
  }

  #forgetIdle(): void {
    for (const [client, { waiting }] of this.#accounts) {
      if (waiting.length === 0) this.#accounts.delete(client)
    }
    for (const [name, { waiting }] of this.#networks) {
      if (waiting === 0) this.#networks.delete(name)
    }
  }

  #charge(account: Account, cost: number): void {
    const { network } = account
    this.#clock = Math.max(this.#clock, network.used)
    network.clock = Math.max(network.clock, account.used)
    network.used += cost
    account.used += cost
  }
}
