import { HubMessage } from '../../../src/api/gen/hub.js'

/** Returns the bytes of a message; a broadcast is serialised once and shared. */
export function encode(body: NonNullable<HubMessage['body']>): Buffer {
  return Buffer.from(HubMessage.encode({ body }).finish())
}

/** Outbox holds the messages on their way to one satellite. */
export interface Outbox {
  send(message: Buffer): void
  /**
   * Sends the messages of `next` one after the other as the reader keeps up; a later call replaces the rest. A message
   * that was already requested from `next` is always sent.
   */
  feed(next: () => Promise<Buffer | undefined>): void
  /** Returns how long (ms of performance.now()) messages have waited without progress; 0 when none waits. */
  stalledMs(nowMs: number): number
  /** Returns the bytes that were sent and that the transport has not accepted yet. */
  pending(): number
  /** Stops sending. */
  close(): void
}

/** While more bytes than this are unsent, `feed` waits. */
const highWater = 64 * 1024

/** Creates an outbox. @param write calls back when the transport has accepted the message (HTTP/2 flow control) */
export function createOutbox(
  write: (message: Buffer, taken: (error?: Error | null) => void) => void
): Outbox {
  let pending = 0
  let progressAt = 0
  let over = false
  let feeding: (() => Promise<Buffer | undefined>) | undefined
  let fetching = false

  function send(message: Buffer): void {
    if (over) return
    if (pending === 0) progressAt = performance.now()
    pending += message.length
    write(message, (error) => {
      // The stream is gone: the next one sends what is left.
      if (error instanceof Error) over = true
      pending -= message.length
      progressAt = performance.now()
      void pump()
    })
  }

  async function pump(): Promise<void> {
    if (over || fetching || feeding === undefined || pending > highWater) return
    fetching = true
    const next = feeding
    const message = await next().catch(() => undefined)
    fetching = false
    // A message is sent even when `feed` was called again meanwhile: its source counts it as sent.
    if (message !== undefined) send(message)
    else if (feeding === next) feeding = undefined
    await pump()
  }

  return {
    send,
    feed(next) {
      feeding = next
      void pump()
    },
    stalledMs: (nowMs) => (pending === 0 ? 0 : nowMs - progressAt),
    pending: () => pending,
    close: () => {
      over = true
    }
  }
}
