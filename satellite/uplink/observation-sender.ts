import { type Backlog, type DueObservation, dueAtOnce } from './backlog.js'
import { encodeObservations } from './messages.js'

/** The hub rejects larger observations every time. */
export const largestObservation = 512 * 1024
/** Observations are sent together up to this size: the hub accepts a megabyte. */
const largestMessage = 256 * 1024
/** Observations that only the disk holds are read so many at a time. */
const readAtOnce = 32

interface SenderOptions {
  backlog: Backlog
  /** Gives a message to the transport. */
  write: (message: Uint8Array) => void
  /** The transport accepts messages now. */
  isOpen: () => boolean
  /** Called instead of sending an observation that the hub would reject. */
  tooLarge: (observation: DueObservation, bytes: number) => void
}

/** ObservationSender sends observations that wait, several in a message. */
export class ObservationSender {
  readonly #options: SenderOptions
  /** Observations that the hub accepts in one message. */
  #mostPerMessage = 1
  #reading = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  setMostPerMessage(most: number): void {
    this.#mostPerMessage = Math.max(1, most)
  }

  /** Sends what is due, as far as the transport accepts it. Returns whether there may be more. */
  send(nowMs: number, resendMs: number): boolean {
    const { backlog, isOpen } = this.#options
    if (!isOpen()) return false
    const due = backlog.due(nowMs, resendMs)
    this.#sendAll(due, nowMs)
    const stored = due.filter(({ bytes }) => bytes === undefined)
    if (stored.length > 0) void this.#sendStored(stored)
    return due.length >= dueAtOnce
  }

  #sendAll(observations: readonly DueObservation[], nowMs: number): void {
    const { backlog, write, isOpen, tooLarge } = this.#options
    let messages: Uint8Array[] = []
    let size = 0
    const flush = (): void => {
      if (messages.length > 0) write(encodeObservations(messages))
      messages = []
      size = 0
    }
    for (const observation of observations) {
      const { id, sequence, bytes } = observation
      if (!isOpen()) break
      if (bytes === undefined) continue
      if (bytes.length > largestObservation) {
        tooLarge(observation, bytes.length)
        continue
      }
      const isFull = messages.length >= this.#mostPerMessage || size + bytes.length > largestMessage
      if (isFull) flush()
      messages.push(bytes)
      size += bytes.length
      backlog.markSent(id, sequence, nowMs)
    }
    flush()
  }

  /** Observations that only the disk holds are read a few at a time, sent, and not kept in memory. */
  async #sendStored(due: readonly DueObservation[]): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    const { backlog, isOpen } = this.#options
    try {
      for (let at = 0; at < due.length && isOpen(); at += readAtOnce) {
        const ids = due.slice(at, at + readAtOnce).map(({ id }) => id)
        this.#sendAll(await backlog.fetch(ids), performance.now())
      }
    } finally {
      this.#reading = false
    }
  }
}
