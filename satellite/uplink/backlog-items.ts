import type { Observation } from '../../src/api/gen/hub.js'

/** One instance of the backlog. */
export interface BacklogItem {
  readonly id: string
  sequence: number
  ended: boolean
  /** The encoded observation; undefined: only the disk has it. */
  bytes: Uint8Array | undefined
  /** Size of the encoded observation. */
  size: number
  /** The disk may have something that `bytes` lacks; it is merged before anything else is done. */
  stale: boolean
  /** The sequence that the spool holds durably; 0: none. */
  spooled: number
  /** performance.now() since when a part of it is neither acked nor spooled. */
  since: number
  /** The sequence that this stream was sent, and when. */
  sent: number
  sentAt: number
  /** Not sent before this time (ms), because the hub asked to wait. */
  notBefore: number
}

export interface BacklogLimits {
  /** Instances that wait at most, and bytes of all of them. */
  instances: number
  bytes: number
  /** Instances whose observation is kept in memory although the disk has it. */
  inMemory: number
}

/** An observation has about 2 KB, a full one 20; on disk at least 4 KB. */
export const defaultLimits: BacklogLimits = { instances: 16_384, bytes: 128 << 20, inMemory: 128 }

/** BacklogItems holds the instances that wait, oldest first, and decides which observations stay in memory. */
export class BacklogItems {
  readonly #limits: BacklogLimits
  readonly #items = new Map<string, BacklogItem>()
  readonly #cached = new Set<BacklogItem>()
  #bytes = 0

  constructor(limits: BacklogLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#items.size
  }

  /** Instances whose observation is in memory. */
  get inMemory(): number {
    return this.#cached.size
  }

  /** Instances that were not sent on this stream as they are now. */
  get unsent(): number {
    let count = 0
    for (const { sent, sequence } of this.#items.values()) if (sent < sequence) count += 1
    return count
  }

  get isFull(): boolean {
    return this.#items.size >= this.#limits.instances || this.#bytes >= this.#limits.bytes
  }

  /** True while at most half of the limits is used. */
  get hasRoom(): boolean {
    return this.#items.size <= this.#limits.instances / 2 && this.#bytes <= this.#limits.bytes / 2
  }

  get(id: string): BacklogItem | undefined {
    return this.#items.get(id)
  }

  all(): Iterable<BacklogItem> {
    return this.#items.values()
  }

  /** @param encoded that observation's bytes. */
  add({ id, sequence, ended }: Observation, encoded: Uint8Array, spooled: number): BacklogItem {
    // One literal: V8 stores objects made by copying as hash tables, and there may be thousands.
    const item: BacklogItem = {
      id,
      sequence,
      ended,
      bytes: undefined,
      size: 0,
      stale: false,
      spooled,
      since: performance.now(),
      sent: 0,
      sentAt: 0,
      notBefore: 0
    }
    this.#items.set(id, item)
    this.setBytes(item, encoded)
    return item
  }

  setBytes(item: BacklogItem, bytes: Uint8Array): void {
    this.#bytes += bytes.length - item.size
    item.bytes = bytes
    item.size = bytes.length
    this.#cached.add(item)
  }

  remove(item: BacklogItem): void {
    if (!this.#items.delete(item.id)) return
    this.#cached.delete(item)
    this.#bytes -= item.size
  }

  /** Drops observations from memory that the disk has, the oldest first, until the limit is kept. */
  evict(): void {
    for (const item of this.#cached) {
      if (this.#cached.size <= this.#limits.inMemory) return
      if (item.stale || item.spooled < item.sequence) continue
      item.bytes = undefined
      this.#cached.delete(item)
    }
  }

  /** The instance to give up if there is no room: preferably one that still runs, because it is offered again. */
  victim(): BacklogItem | undefined {
    for (const item of this.#items.values()) if (!item.ended) return item
    const [first] = this.#items.values()
    return first
  }
}
