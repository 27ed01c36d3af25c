import type { Condition, ObservationRejected } from '../../src/api/gen/hub.js'
import { type RepeatedLine, repeatedLine } from '../../src/lib/few-lines.js'
import type { Logger } from '../../src/lib/log.js'

/** True if the hub rejected an observation because of everything that the node brings (webhook/hub/observations/cardinality.ts). */
export const isNodeLimit = ({ reason }: Pick<ObservationRejected, 'reason'>): boolean =>
  reason === 'new-profiles' || reason === 'too-many-profiles'

/**
 * True if an observation is of a container that no pod has. A node runs such containers beside Kubernetes, and no profile of the
 * cluster is learned from them: nothing is wrong with the node.
 */
const isOfNoPod = ({ reason }: Pick<ObservationRejected, 'reason'>): boolean =>
  reason === 'not-kubernetes'

const rememberMs = 3_600_000
const repeatMs = 60_000

/** Rejections logs which observations the hub rejected, and reports them in the node's status. */
export class Rejections {
  readonly #logger: Logger
  readonly #now: () => number
  readonly #logged = new Map<string, RepeatedLine>()
  #givenUp = 0
  #last: { reason: string; message: string; at: number } | undefined

  /** @param now in ms. */
  constructor(logger: Logger, now: () => number = Date.now) {
    this.#logger = logger
    this.#now = now
  }

  /** Notes a rejection. There is at most one log line per reason and minute, and ever fewer while it goes on. */
  note({ id, reason, message, retryAfterSeconds }: ObservationRejected): void {
    const at = this.#now()
    const isFinal = retryAfterSeconds === 0
    if (isFinal && !isOfNoPod({ reason })) {
      this.#givenUp += 1
      this.#last = { reason, message, at }
    }
    const entry = repeatedLine(this.#logged.get(reason), at, repeatMs)
    if (entry === undefined) return
    this.#logged.set(reason, entry)
    const next = isFinal ? 'given up' : `kept for ${retryAfterSeconds} s`
    this.#logger.warn({ id, reason }, `the hub rejected an observation, ${next}: ${message}`)
  }

  /** ObservationsAccepted, False for an hour after an observation of a pod was given up; nothing before. */
  conditions(): Condition[] {
    const last = this.#last
    if (last === undefined || this.#now() - last.at > rememberMs) return []
    return [
      {
        type: 'ObservationsAccepted',
        status: 'False',
        reason: 'RejectedByHub',
        message: `${this.#givenUp} given up since the start, the last one: ${last.reason}: ${last.message}`,
        lastTransitionTime: new Date(last.at).toISOString()
      }
    ]
  }
}
