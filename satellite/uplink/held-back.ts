/** Sent at once when a time of waiting is over; doubles as they are taken. */
const firstAtOnce = 8
const mostAtOnce = 256
/** A refusal comes at once; what was not refused by then was taken in, and its ack comes when it is durable. */
const answeredMs = 2000

/**
 * Instances that the hub does not take yet because of all that this node brings: a node that began 2,000 workloads
 * gets them taken by and by. A few are sent when the time is over, more as those are taken, and nothing from the
 * first refusal on: to ask for each again and again would be most of the work of both. Pure: times come in, in ms.
 */
export interface HeldBack {
  /** The hub refused it until then. */
  add(id: string, untilMs: number): void
  /** It was taken, or is waited for no more. */
  remove(id: string): void
  has(id: string): boolean
  /** Those to be sent now, in the order in which they were refused; each is given once. */
  take(nowMs: number): string[]
  /** Nothing that was given is under way any more: the stream is another one. */
  restart(): void
  size(): number
}

export function createHeldBack(): HeldBack {
  const waiting = new Set<string>()
  /** When each was given. */
  const underWay = new Map<string, number>()
  let until = 0
  let atOnce = firstAtOnce
  const grow = (): void => {
    atOnce = Math.min(mostAtOnce, atOnce + 1)
  }
  return {
    add(id, untilMs) {
      // A first refusal says that there will be more of them.
      until = Math.max(until, untilMs)
      atOnce = firstAtOnce
      underWay.delete(id)
      waiting.add(id)
    },
    remove(id) {
      waiting.delete(id)
      if (underWay.delete(id)) grow()
    },
    has: (id) => waiting.has(id) || underWay.has(id),
    take(nowMs) {
      for (const [id, at] of underWay) {
        if (nowMs - at < answeredMs) break
        underWay.delete(id)
        grow()
      }
      if (nowMs < until) return []
      const taken: string[] = []
      for (const id of waiting) {
        if (underWay.size >= atOnce) break
        waiting.delete(id)
        underWay.set(id, nowMs)
        taken.push(id)
      }
      return taken
    },
    restart() {
      const first = underWay.keys()
      const all = [...first, ...waiting]
      underWay.clear()
      waiting.clear()
      for (const id of all) waiting.add(id)
    },
    size: () => waiting.size + underWay.size
  }
}
