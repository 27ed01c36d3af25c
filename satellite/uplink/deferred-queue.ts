/** Sent at once when the waiting time is over; grows as observations are accepted. */
const firstAtOnce = 8
const mostAtOnce = 256
/** A rejection comes at once. What was not rejected by then was accepted; its ack comes when it is durable. */
const answeredMs = 2000

/**
 * DeferredQueue holds instances that the hub rejected for now because this node brings too much at once: a node
 * that starts 2,000 workloads gets them accepted over time. When the waiting time is over, a few are sent; more
 * as those are accepted, and none after the next rejection. Asking again for each of them would be most of the
 * work of both sides. Pure: times come in, in ms.
 */
export class DeferredQueue {
  readonly #waiting = new Set<string>()
  /** When each was taken. */
  readonly #inFlight = new Map<string, number>()
  #until = 0
  #atOnce = firstAtOnce

  get size(): number {
    return this.#waiting.size + this.#inFlight.size
  }

  /** The hub rejected an instance until this time. */
  add(id: string, untilMs: number): void {
    this.#until = Math.max(this.#until, untilMs)
    // After a first rejection others will follow.
    this.#atOnce = firstAtOnce
    this.#inFlight.delete(id)
    this.#waiting.add(id)
  }

  /** An instance was accepted, or does not wait any more. */
  remove(id: string): void {
    this.#waiting.delete(id)
    if (this.#inFlight.delete(id)) this.#grow()
  }

  has(id: string): boolean {
    return this.#waiting.has(id) || this.#inFlight.has(id)
  }

  /** Returns the instances to be sent now, in the order in which they were rejected; each is returned once. */
  take(nowMs: number): string[] {
    for (const [id, at] of this.#inFlight) {
      if (nowMs - at < answeredMs) break
      this.#inFlight.delete(id)
      this.#grow()
    }
    if (nowMs < this.#until) return []
    const taken: string[] = []
    for (const id of this.#waiting) {
      if (this.#inFlight.size >= this.#atOnce) break
      this.#waiting.delete(id)
      this.#inFlight.set(id, nowMs)
      taken.push(id)
    }
    return taken
  }

  /** A new stream: nothing is in flight any more. */
  restart(): void {
    const all = [...this.#inFlight.keys(), ...this.#waiting]
    this.#inFlight.clear()
    this.#waiting.clear()
    for (const id of all) this.#waiting.add(id)
  }

  #grow(): void {
    this.#atOnce = Math.min(mostAtOnce, this.#atOnce + 1)
  }
}
