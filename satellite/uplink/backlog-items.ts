import type { Observation } from '../../src/api/gen/hub.js'

/** One instance of the backlog. */
export interface Item {
  readonly id: string
  sequence: number
  ended: boolean
  /** The encoded observation; undefined: the disk has it, and the memory does not. */
  bytes: Uint8Array | undefined
  /** Of the encoded observation. */
  size: number
  /** The disk holds something that `bytes` may lack: it is merged before anything else is done. */
  stale: boolean
  /** Sequence that the spool holds durably; 0: none. */
  spooled: number
  /** performance.now() since which something of it is neither acked nor spooled. */
  since: number
  /** Sequence that this stream was sent, and when. */
  sent: number
  sentAt: number
  /** Not sent before this time (ms): the hub asked to wait. */
  notBefore: number
}

export interface BacklogLimits {
  /** Instances that wait at most, and bytes of all of them. */
  instances: number
  bytes: number
  /** Instances whose observation is kept in memory although the disk has it. */
  inMemory: number
}

/** An observation has some 2 KB, a full one 20; on disk, 4 KB at least. */
export const defaultLimits: BacklogLimits = { instances: 16_384, bytes: 128 << 20, inMemory: 128 }

/** The instances that wait, oldest first, and which of their observations are in memory. */
export interface BacklogItems {
  get(id: string): Item | undefined
  all(): Iterable<Item>
  /** `encoded` is that observation. */
  add(observation: Observation, encoded: Uint8Array, spooled: number): Item
  setBytes(item: Item, bytes: Uint8Array): void
  remove(item: Item): void
  /** Keeps what is in memory within its limit: what the disk has goes, the oldest first. */
  evict(): void
  isFull(): boolean
  /** At most half of it is taken. */
  hasRoom(): boolean
  /** What is given up when there is no room: a container that still runs is offered again; one that ended is not. */
  victim(): Item | undefined
  size(): number
  inMemory(): number
}

export function createBacklogItems(limits: BacklogLimits): BacklogItems {
  const items = new Map<string, Item>()
  const cached = new Set<Item>()
  let total = 0

  function setBytes(item: Item, bytes: Uint8Array): void {
    total += bytes.length - item.size
    item.bytes = bytes
    item.size = bytes.length
    cached.add(item)
  }

  return {
    get: (id) => items.get(id),
    all: () => items.values(),
    add({ id, sequence, ended }, encoded, spooled) {
      // One literal: V8 keeps what is copied together as a table, five times as large, and there may be thousands.
      const item: Item = {
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
      items.set(id, item)
      setBytes(item, encoded)
      return item
    },
    setBytes,
    remove(item) {
      if (!items.delete(item.id)) return
      cached.delete(item)
      total -= item.size
    },
    evict() {
      for (const item of cached) {
        if (cached.size <= limits.inMemory) return
        if (item.stale || item.spooled < item.sequence) continue
        item.bytes = undefined
        cached.delete(item)
      }
    },
    isFull: () => items.size >= limits.instances || total >= limits.bytes,
    hasRoom: () => items.size <= limits.instances / 2 && total <= limits.bytes / 2,
    victim() {
      for (const item of items.values()) if (!item.ended) return item
      const [first] = items.values()
      return first
    },
    size: () => items.size,
    inMemory: () => cached.size
  }
}
