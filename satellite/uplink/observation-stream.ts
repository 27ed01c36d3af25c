import type { Observation, ObservationAck, ObservationRejected } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import type { Backlog, DueObservation } from './backlog.js'
import type { HubConnection } from './hub-connection.js'
import { largestObservation, ObservationSender } from './observation-sender.js'
import { isNodeLimit, Rejections } from './rejections.js'

/** All in milliseconds. */
export interface ObservationTiming {
  /** Observations are collected this long before they are sent. */
  coalesceMs: number
  /** What the hub has not acked after about this time is spooled; without a hub at once. */
  saveMs: number
  /** What was not acked is sent again after this time. */
  resendMs: number
  /** `flush` waits for acks this long. */
  flushMs: number
}

interface ObservationStreamOptions {
  backlog: Backlog
  connection: Pick<HubConnection, 'write' | 'isWritable' | 'welcomed' | 'hasStream'>
  timing: ObservationTiming
  logger: Logger
  /** An observation was given up; the node's status has changed. */
  onGivenUp: () => void
  /** There is room again for observations that were given up although their container had not ended. */
  onRoom?: ((ids: readonly string[]) => void) | undefined
}

/** The hub may ask for a longer resend time, up to this. */
const longestResendMs = 4 * 3_600_000

/** ObservationStream sends observations to the hub, and spools those that the hub does not ack soon. */
export class ObservationStream {
  readonly rejections: Rejections
  readonly #options: ObservationStreamOptions
  readonly #backlog: Backlog
  readonly #sender: ObservationSender
  /** Sends what is due. */
  readonly #pump: Worker
  /** Spools what waits too long for its ack. */
  readonly #saver: Worker
  /** Callers of `flush` that wait until everything is acked. */
  readonly #flushing = new Set<() => void>()
  #resendMs: number

  constructor(options: ObservationStreamOptions) {
    const { backlog, connection, timing, logger } = options
    this.#options = options
    this.#backlog = backlog
    this.#resendMs = timing.resendMs
    this.rejections = new Rejections(logger)
    this.#sender = new ObservationSender({
      backlog,
      write: (message) => connection.write(message),
      isOpen: () => connection.isWritable,
      tooLarge: (observation, bytes) => this.#tooLarge(observation, bytes)
    })
    const onError = (error: unknown): void =>
      logger.error({ err: error }, 'observations could not be sent; continuing')
    this.#pump = new Worker(() => this.sendDue(), { delayMs: timing.coalesceMs, onError })
    this.#saver = new Worker(() => this.#save(), { delayMs: timing.saveMs, onError })
  }

  /** Takes a cumulative observation; never blocks or throws. */
  offer(observation: Observation): void {
    this.#backlog.put(observation)
    this.#pump.request()
  }

  /** A new stream to the hub: sends everything again. @param resendMs, mostPerMessage what the hub asked for. */
  restart(resendMs: number, mostPerMessage: number): void {
    const ownMs = this.#options.timing.resendMs
    this.#resendMs = Math.min(longestResendMs, Math.max(ownMs, resendMs))
    this.#sender.setMostPerMessage(mostPerMessage)
    this.#backlog.restart()
    this.sendDue()
  }

  /** Sends what is due, and plans to save what is not acked soon. */
  sendDue(): void {
    if (this.#sender.send(performance.now(), this.#resendMs)) this.#pump.request()
    if (this.#backlog.size > 0) this.#saveSoon()
  }

  /** Sends everything that may be sent. Returns how many observations the hub was not sent as they are now. */
  sendAll(): number {
    while (this.#sender.send(performance.now(), this.#resendMs));
    if (this.#backlog.size > 0) this.#saveSoon()
    return this.#backlog.unsent
  }

  acked(acks: readonly ObservationAck[]): void {
    for (const { id, sequence } of acks) this.#backlog.acked(id, sequence)
    this.#wakeIfAcked()
    const again = this.#backlog.toOfferAgain()
    if (again.length > 0) this.#options.onRoom?.(again)
  }

  rejected(rejection: ObservationRejected): void {
    const { id, sequence, retryAfterSeconds } = rejection
    this.rejections.note(rejection)
    if (retryAfterSeconds > 0) {
      this.#backlog.defer(id, performance.now() + retryAfterSeconds * 1000, isNodeLimit(rejection))
      return
    }
    this.#backlog.acked(id, sequence)
    this.#wakeIfAcked()
    this.#options.onGivenUp()
  }

  /** Nobody acks now: what was sent and is not saved yet has to be saved. */
  disconnected(): void {
    this.#wakeFlushing()
    this.#saveSoon()
  }

  /** Resolves when everything offered until now is acked or spooled; rejects when neither works. */
  durable(): Promise<void> {
    this.sendDue()
    return this.#backlog.durable()
  }

  /** Resolves when everything offered is acked; without a hub, or with a slow one, when it is spooled. */
  async flush(): Promise<void> {
    this.sendDue()
    await Promise.all([this.#backlog.spool(), this.#allAcked()])
  }

  close(): void {
    this.#wakeFlushing()
    void this.#pump.close()
    void this.#saver.close()
  }

  /** Gives up an observation that the hub would reject every time. */
  #tooLarge({ id, sequence }: DueObservation, bytes: number): void {
    const message = `${bytes} bytes, at most ${largestObservation} are accepted`
    this.rejected({ id, sequence, reason: 'too-large', message, retryAfterSeconds: 0 })
  }

  /** With a hub that acks at once, nothing has to be written to disk. Without a hub everything is saved now. */
  #saveSoon(): void {
    if (this.#options.connection.welcomed) this.#saver.request()
    else void this.#backlog.spool()
  }

  #save(): void {
    void this.#backlog.spool(this.#options.timing.saveMs / 2)
    // Some observations may be due by now.
    if (this.#backlog.size > 0) this.sendDue()
  }

  /** Resolves when the hub has everything, after `flushMs`, or at once without a hub. */
  async #allAcked(): Promise<void> {
    if (!this.#options.connection.hasStream || this.#backlog.size === 0) return
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, this.#options.timing.flushMs)
      this.#flushing.add(() => {
        clearTimeout(limit)
        resolve()
      })
    })
  }

  #wakeIfAcked(): void {
    if (this.#backlog.size === 0) this.#wakeFlushing()
  }

  #wakeFlushing(): void {
    for (const wake of this.#flushing) wake()
    this.#flushing.clear()
  }
}
