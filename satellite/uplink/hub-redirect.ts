import { Metadata } from '@grpc/grpc-js'
import type { HubClient } from '../../src/api/gen/hub.js'
import {
  activeHubKey,
  isHubAddress,
  standbyKey,
  unreachableHubKey
} from '../../src/api/hub-metadata.js'
import { type HubAddress, newHubClient, type UplinkTls } from './hub-client.js'

interface HubRedirectOptions extends HubAddress {
  timing: { mostMs: number }
}

/** Hubs that send a satellite from one to the other know less than the Service. */
const mostInARow = 3

const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

/**
 * HubRedirect follows the addresses of the active hub that hubs on standby answer with. The next dial after such an
 * answer goes to that address, every other one to the Service.
 */
export class HubRedirect {
  readonly #options: HubRedirectOptions
  #address: string | undefined
  #client: HubClient | undefined
  /** A hub sent this satellite to the address, and it was not dialled yet. */
  #isFresh = false
  #inARow = 0
  #isStandby = false
  /** The address that was dialled without a welcome. */
  #unreachable: string | undefined

  constructor(options: HubRedirectOptions) {
    this.#options = options
  }

  /** Address of the stream that is open or being opened, if it is not that of the Service. */
  get address(): string | undefined {
    return this.#isFresh ? undefined : this.#address
  }

  /** The last answer came from a hub on standby, so an active one is to be expected soon. */
  get isStandby(): boolean {
    return this.#isStandby
  }

  get isFresh(): boolean {
    return this.#isFresh
  }

  /** What the next call shows: a hub must not send this satellite where nobody answers. */
  metadata(): Metadata {
    const metadata = new Metadata()
    if (this.#unreachable === undefined) return metadata
    metadata.set(unreachableHubKey, this.#unreachable)
    // Only once: a network may be down for a moment.
    this.#unreachable = undefined
    return metadata
  }

  /** Returns the client for the address that a hub answered; undefined without such an answer. */
  client(tls: UplinkTls): HubClient | undefined {
    const wanted = this.#isFresh ? this.#address : undefined
    this.#isFresh = false
    if (wanted === undefined) {
      this.close()
      return undefined
    }
    this.#client?.close()
    const { hub, serverName = hostOf(hub), timing } = this.#options
    this.#client = newHubClient({ hub: wanted, serverName }, tls, timing.mostMs)
    return this.#client
  }

  /** A hub accepted this node. */
  welcomed(): void {
    this.#inARow = 0
    this.#unreachable = undefined
  }

  /** A stream ended. @param metadata of the end */
  ended(metadata: Metadata | undefined): void {
    this.#isStandby = metadata?.get(standbyKey)[0] !== undefined
    const named = metadata?.get(activeHubKey)[0]
    if (typeof named === 'string' && isHubAddress(named) && this.#inARow < mostInARow) {
      this.#inARow += 1
      // The next hub must not send this satellite back.
      if (this.#address !== undefined) this.#unreachable = this.#address
      this.#address = named
      this.#isFresh = true
      return
    }
    this.#inARow = 0
    if (this.#address !== undefined) this.#unreachable = this.#address
    this.#address = undefined
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
    this.#address = undefined
    this.#isFresh = false
  }
}
