import type { NodeStatus } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'

const delayMs = 1000

/** StatusReporter sends the node's status to the hub when it differs from what the connection's hub has. */
export class StatusReporter {
  readonly #status: () => NodeStatus
  readonly #send: (status: NodeStatus) => boolean
  readonly #worker: Worker
  #sent = ''

  /** @param send returns false without a hub; the next greeting has the status. */
  constructor(status: () => NodeStatus, send: (status: NodeStatus) => boolean, logger: Logger) {
    this.#status = status
    this.#send = send
    this.#worker = new Worker(() => this.report(), {
      delayMs,
      onError: (error) => logger.error({ err: error }, 'status could not be reported')
    })
  }

  /** The status for the first message of a connection. */
  greeting(): NodeStatus {
    const now = this.#status()
    this.#sent = JSON.stringify(now)
    return now
  }

  report(): void {
    const now = this.#status()
    const text = JSON.stringify(now)
    if (text !== this.#sent && this.#send(now)) this.#sent = text
  }

  /** Reports a moment later: there may be thousands of changes. */
  reportSoon(): void {
    this.#worker.request()
  }

  close(): void {
    void this.#worker.close()
  }
}
