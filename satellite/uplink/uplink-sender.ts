import { type Backlog, type Due, dueAtOnce } from './uplink-backlog.js'
import { encodeObservations } from './uplink-messages.js'

/** The hub takes no larger observation: it would be sent for ever. */
export const largestObservation = 512 * 1024
/** Observations go together up to this size: the hub takes a megabyte. */
const largestTogether = 256 * 1024
/** What only the disk holds is read so many at a time. */
const readAtOnce = 32

export interface SenderOptions {
  backlog: Backlog
  /** Gives a message to the transport. */
  write: (message: Uint8Array) => void
  /** The transport takes something now. */
  isOpen: () => boolean
  /** What the hub would refuse each time, and is not sent. */
  tooLarge: (observation: Due, bytes: number) => void
}

/** Sends what waits, several observations in a message. */
export interface Sender {
  /** Observations that the hub takes in one message. */
  together(most: number): void
  /** Sends what is due, as far as the transport takes it. @returns whether there may be more. */
  send(nowMs: number, resendMs: number): boolean
}

export function createSender({ backlog, write, isOpen, tooLarge }: SenderOptions): Sender {
  let most = 1
  let reading = false

  function sendAll(observations: readonly Due[], nowMs: number): void {
    let messages: Uint8Array[] = []
    let size = 0
    const flush = (): void => {
      if (messages.length > 0) write(encodeObservations(messages))
      messages = []
      size = 0
    }
    for (const one of observations) {
      const { id, sequence, bytes } = one
      if (!isOpen()) break
      if (bytes === undefined) continue
      if (bytes.length > largestObservation) {
        tooLarge(one, bytes.length)
        continue
      }
      if (messages.length >= most || size + bytes.length > largestTogether) flush()
      messages.push(bytes)
      size += bytes.length
      backlog.markSent(id, sequence, nowMs)
    }
    flush()
  }

  /** What only the disk holds is read a little at a time, sent, and not kept. */
  async function sendStored(due: readonly Due[]): Promise<void> {
    if (reading) return
    reading = true
    try {
      for (let at = 0; at < due.length && isOpen(); at += readAtOnce) {
        const ids = due.slice(at, at + readAtOnce).map(({ id }) => id)
        sendAll(await backlog.fetch(ids), Date.now())
      }
    } finally {
      reading = false
    }
  }

  return {
    together(given) {
      most = Math.max(1, given)
    },
    send(nowMs, resendMs) {
      if (!isOpen()) return false
      const due = backlog.due(nowMs, resendMs)
      sendAll(due, nowMs)
      const stored = due.filter(({ bytes }) => bytes === undefined)
      if (stored.length > 0) void sendStored(stored)
      return due.length >= dueAtOnce
    }
  }
}
