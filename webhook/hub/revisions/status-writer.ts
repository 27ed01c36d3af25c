import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Store } from '../../../src/store/store.js'
import { type ProfileOutcome, withOutcome } from '../status/profile-status.js'
import { isReady, isServed, unservedText, waitingText } from '../nodes/readiness.js'

/** WrittenStatus is what was written to the status of one profile: one object for as long as the profile exists. */
export interface WrittenStatus {
  /** The last outcome that was written. It is written once, so that two hubs do not overwrite each other in turns. */
  written: string
  /** The same without the number of nodes, and when it was written (ms). */
  urgent: string
  writtenAt: number
  /** The last error of a write: each error is logged once. */
  lastError: string
}

/**
 * A status that says that only replicas of the webhook lack the revision waits this long (ms) for them: most serve it within
 * a second, and the write is saved. It does not wait as long as a number of nodes: the status before says that nodes lack it.
 */
const replicasMs = 2000

/** FollowedSpec is a profile, and what was written to its status. */
export interface FollowedSpec {
  profile: SeccompProfile
  /** When its spec was seen first as it is (RFC 3339): one time for all nodes and for the status. */
  editedAt: string
  /** Shared with later versions of the profile: the event of a write may come before its answer. */
  status: WrittenStatus
}

/** Returns the record of a status that was not written yet. */
export const unwritten = (): WrittenStatus => ({
  ...{ written: '', urgent: '', writtenAt: 0, lastError: '' }
})

/** Returns the part of an outcome that is written at once; the number of nodes that are ready so far can wait. */
function urgentPartOf(outcome: ProfileOutcome): unknown {
  if (outcome.state === 'overlay') return outcome.state
  const { parents = [] } = outcome
  if (outcome.state === 'failed') return [outcome.error.message, parents]
  if (outcome.state !== 'rendered') return [outcome.state, parents]
  const { digest, audit, approved, readiness } = outcome
  const isComplete = isReady(readiness) && isServed(readiness)
  const isStarting = readiness.replicas?.isStarting === true
  return [digest, audit, approved, isComplete, isStarting, readiness.failed, parents]
}

function contentOf(outcome: ProfileOutcome): unknown {
  if (outcome.state === 'overlay') return outcome.state
  const { parents = [] } = outcome
  if (outcome.state === 'failed') return [outcome.error.message, parents]
  if (outcome.state !== 'rendered') return [outcome.state, parents]
  const { digest, audit, approved, readiness } = outcome
  const { ready, total, failed } = readiness
  const others = waitingText(readiness) + unservedText(readiness)
  return [digest, audit, approved, ready, total, others, failed, parents]
}

/** StatusWriter writes outcomes to the status of profiles. */
export interface StatusWriter<One> {
  write(one: One, outcome: ProfileOutcome): Promise<void>
  /** Returns whether every node has the revision, and `write` has not written that it is ready. */
  becomesReady(one: One, outcome: ProfileOutcome): boolean
  close(): void
}

const hasEveryNode = (outcome: ProfileOutcome): boolean =>
  outcome.state === 'rendered' && isReady(outcome.readiness)

/** Returns the urgent part of an outcome of this profile as a text. */
function urgentTextOf({ metadata: { uid, generation } }: SeccompProfile, outcome: ProfileOutcome) {
  return JSON.stringify([uid, generation, urgentPartOf(outcome)])
}

/** Creates a writer of outcomes to the status of profiles; it writes each outcome once. */
export function createStatusWriter<One extends FollowedSpec>(options: {
  store: Store
  logger: Logger
  /** Time between two writes about nothing but the number of nodes; 0: each is written. */
  countMs: number
  retryMs: number
  /** Returns whether the outcome is about this spec. */
  isCurrent: (one: One, profile: SeccompProfile) => boolean
  /** Records changes of the spec without an approval as well. */
  recordEdits?: boolean
  /** Asks for another pass. */
  again: (ms: number) => void
}): StatusWriter<One> {
  const { store, logger, countMs, again } = options
  let timer: NodeJS.Timeout | undefined

  /** Asks for a pass later. Calling `again(ms)` at once would make an earlier pass wait for this one. */
  function recount(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined
      again(0)
    }, ms)
  }

  return {
    async write(one, outcome) {
      const { namespace = '', name, uid, generation } = one.profile.metadata
      const { status } = one
      const written = JSON.stringify([uid, generation, contentOf(outcome)])
      if (status.written === written) return
      const urgent = urgentTextOf(one.profile, outcome)
      const restMs = hasEveryNode(outcome) ? Math.min(countMs, replicasMs) : countMs
      const wait = status.writtenAt + restMs - performance.now()
      if (status.written !== '' && status.urgent === urgent && wait > 0) {
        recount(wait)
        return
      }
      try {
        const now = new Date().toISOString()
        const editedAt = options.recordEdits === true ? one.editedAt : undefined
        const change = (profile: SeccompProfile) =>
          options.isCurrent(one, profile) ? withOutcome(profile, outcome, now, editedAt) : profile
        const ref = { namespace, name }
        const after = await store.update('SeccompProfile', ref, change, one.profile)
        // The spec has changed meanwhile: this outcome is about an older one, and an event brings the newer one.
        if (!options.isCurrent(one, after)) return
        Object.assign(status, { written, urgent, writtenAt: performance.now(), lastError: '' })
      } catch (thrown) {
        const error = toSeccoError(thrown)
        if (error.code === 'NOT_FOUND') return
        if (status.lastError !== error.message) {
          const { code, message: reason } = error
          logger.error({ code, namespace, profile: name, reason }, 'status not written')
          status.lastError = error.message
        }
        // A broken document comes back as an event once somebody fixes it.
        if (error.code !== 'STORE_CORRUPT' && error.code !== 'TOO_LARGE') again(options.retryMs)
      }
    },
    becomesReady: (one, outcome) =>
      outcome.state === 'rendered' &&
      isReady(outcome.readiness) &&
      // Replicas serve it only once they have read that the nodes have it.
      (!isServed(outcome.readiness) || one.status.urgent !== urgentTextOf(one.profile, outcome)),
    close: () => clearTimeout(timer)
  }
}
