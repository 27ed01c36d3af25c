import { Metadata } from '@grpc/grpc-js'
import {
  activeHubKey,
  isHubAddress,
  standbyKey,
  unreachableHubKey
} from '../../../src/api/hub-metadata.js'
import type { Call } from './stream-service.js'

/** Redirect is why a hub on standby does not serve a stream, and where its satellite should go. */
export interface Redirect {
  details: string
  metadata: Metadata
}

/** Activity is whether this hub is the active one, and where the active one is. */
export interface Activity {
  isActive(): boolean
  /** Returns whether this hub could become the active one soon. */
  isCandidate(): boolean
  /** Returns `host:port` of the active hub; undefined: this one, or it is not known. */
  activeAddress(): string | undefined
  /** Returns `host:port` of a replica that could become the active one soon; undefined: none is known but this one. */
  standbyAddress(): string | undefined
}

export type Pass = 'serve' | Redirect

/** The address of the active hub is compared this often while streams wait. */
const everyMs = 250

const onStandby = 'this hub is on standby'

function redirectTo(address: string, what: string): Redirect {
  const metadata = new Metadata()
  metadata.set(activeHubKey, address)
  return { details: `${onStandby}; ${what} is at ${address}`, metadata }
}

function unreachableOf(call: Pick<Call, 'metadata'>): string | undefined {
  const address = call.metadata.get(unreachableHubKey)[0]
  return typeof address === 'string' ? address : undefined
}

interface WaitingStream {
  call: Pick<Call, 'metadata'>
  until: number
  resolve: (pass: Pass) => void
}

/**
 * StreamGate serves streams on the active hub only. On standby it sends satellites to the active hub. While none can
 * be reached, streams wait here for some time: this hub may become the active one, and then serves them at once. A hub
 * that cannot become the active one sends them to one that can.
 */
export class StreamGate {
  readonly #activity: Activity
  readonly #waitMs: number
  readonly #waiting = new Set<WaitingStream>()
  #timer: NodeJS.Timeout | undefined

  constructor(activity: Activity, waitMs: number) {
    this.#activity = activity
    this.#waitMs = waitMs
  }

  /** Returns what becomes of a stream now; undefined: it has to wait. */
  passNow(call: Pick<Call, 'metadata'>): Pass | undefined {
    if (this.#activity.isActive()) return 'serve'
    const unreachable = unreachableOf(call)
    const canServe = (address = ''): boolean => isHubAddress(address) && address !== unreachable
    const active = this.#activity.activeAddress()
    // The lease of a hub that has died names it until the lease expires.
    if (active !== undefined && canServe(active)) return redirectTo(active, 'the active hub')
    if (this.#activity.isCandidate()) return undefined
    // This hub cannot become active: it is cut off from the API server, and most likely the other one is not.
    const standby = this.#activity.standbyAddress()
    return standby !== undefined && canServe(standby) ? redirectTo(standby, 'another hub') : noHub()
  }

  /** Resolves when a stream has passed, or has waited long enough. Never rejects. */
  pass(call: Pick<Call, 'metadata'>): Promise<Pass> {
    const now = this.passNow(call)
    if (now !== undefined) return Promise.resolve(now)
    return new Promise((resolve) => {
      this.#waiting.add({ call, until: performance.now() + this.#waitMs, resolve })
      this.#timer ??= setInterval(() => this.check(), everyMs)
    })
  }

  /** Compares again: this hub may have become active. */
  check(): void {
    for (const one of this.#waiting) {
      const late = performance.now() >= one.until
      const pass = this.passNow(one.call) ?? (late ? noHub() : undefined)
      if (pass !== undefined) this.#settle(one, pass)
    }
  }

  /** Ends every stream that waits. */
  close(): void {
    for (const one of this.#waiting) this.#settle(one, noHub())
  }

  #settle(one: WaitingStream, pass: Pass): void {
    this.#waiting.delete(one)
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    one.resolve(pass)
  }
}

/** Returns what a stream is told that this hub neither serves nor sends to an address. */
export function noHub(): Redirect {
  const metadata = new Metadata()
  metadata.set(standbyKey, '1')
  return { details: `${onStandby}; no active hub is known`, metadata }
}
