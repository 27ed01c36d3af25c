import type { Condition, ObservationRefused } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'

/** What the hub would not take, and what the node says of it. */
export interface UplinkRefusals {
  note(refused: ObservationRefused): void
  /** ObservationsAccepted, False for an hour after something was given up; nothing before. */
  conditions(): Condition[]
}

/** Because of all that the node brings: others of its would be refused like it (webhook/hub/observations/cardinality.ts). */
export const isByNode = ({ reason }: Pick<ObservationRefused, 'reason'>): boolean =>
  reason === 'new-profiles' || reason === 'too-many-profiles'

const rememberMs = 3_600_000
const repeatMs = 60_000

/** `now` in ms. One line per reason and minute: a node with a hundred strangers says so once. */
export function createUplinkRefusals(logger: Logger, now: () => number = Date.now): UplinkRefusals {
  const said = new Map<string, number>()
  let dropped = 0
  let last: { reason: string; message: string; at: number } | undefined
  return {
    note({ id, reason, message, retryAfterSeconds }) {
      const at = now()
      const final = retryAfterSeconds === 0
      if (final) {
        dropped += 1
        last = { reason, message, at }
      }
      if (at - (said.get(reason) ?? -repeatMs) < repeatMs) return
      said.set(reason, at)
      const next = final ? 'given up' : `kept for ${retryAfterSeconds} s`
      logger.warn({ id, reason }, `the hub refused an observation, ${next}: ${message}`)
    },
    conditions() {
      if (last === undefined || now() - last.at > rememberMs) return []
      return [
        {
          type: 'ObservationsAccepted',
          status: 'False',
          reason: 'RefusedByHub',
          message: `${dropped} given up since the start, the last one: ${last.reason}: ${last.message}`,
          lastTransitionTime: new Date(last.at).toISOString()
        }
      ]
    }
  }
}
