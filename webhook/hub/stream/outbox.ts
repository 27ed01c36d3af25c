import { HubMessage } from '../../../src/api/gen/hub.js'

/** The bytes of a message; a broadcast is serialised once and shared. */
export function encode(body: NonNullable<HubMessage['body']>): Buffer {
  return Buffer.from(HubMessage.encode({ body }).finish())
}

/** Messages on their way to one satellite. */
export interface Outbox {
  send(message: Buffer): void
  /**
   * Sends these one after the other as the reader keeps up; a later call replaces what is left. What was
   * asked of `next` is sent in any case.
   */
  feed(next: () => Promise<Buffer | undefined>): void
  /** How long (ms) something has been waiting without any progress; 0 when nothing waits. */
  stalledMs(nowMs: number): number
  /** Bytes that were sent and not taken yet. */
  pending(): number
  /** Sends nothing more. */
  close(): void
}

/** While more than this is unsent, nothing is fed. */
const highWater = 64 * 1024

/** `write` calls back when the transport took the message (HTTP/2 flow control). */
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
    if (pending === 0) progressAt = Date.now()
    pending += message.length
    write(message, (error) => {
      // The stream is gone: whatever is left is for the next one.
      if (error instanceof Error) over = true
      pending -= message.length
      progressAt = Date.now()
      void pump()
    })
  }

  async function pump(): Promise<void> {
    if (over || fetching || feeding === undefined || pending > highWater) return
    fetching = true
    const next = feeding
    const message = await next().catch(() => undefined)
    fetching = false
    // Even when it was replaced meanwhile: whoever fetched this counts it as sent.
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
