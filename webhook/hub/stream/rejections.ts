import { FewLines, type RepeatedLine, repeatedLine } from '../../../src/lib/few-lines.js'
import type { Logger } from '../../../src/lib/log.js'
import { networkOf } from '../../../src/lib/network-of.js'
import { addressOf } from './waiting-peers.js'

/** Reasons for rejecting something that came over a stream: a closed set, as a metric's label needs. */
export const rejectionReasons = [
  'no-credentials',
  'certificate',
  'token-expired',
  'wrong-audience',
  'token-invalid',
  'wrong-account',
  'no-node-claim',
  'node-mismatch',
  'unreviewed',
  'too-large',
  'unreadable',
  'pod-unknown',
  'pod-elsewhere',
  'container-unknown',
  'not-kubernetes',
  'new-profiles',
  'too-many-profiles',
  'too-many-instances',
  'profile-full',
  'status-too-large'
] as const
export type RejectionReason = (typeof rejectionReasons)[number]

/** Rejection is the reason for a rejection, for people and for the peer. */
export interface Rejection {
  reason: RejectionReason
  message: string
  /** Seconds after which a retry makes sense; undefined: never. */
  retryAfter?: number
}

/**
 * Rejections counts rejections and logs them, at most one line per subject and reason in ten seconds, and ever fewer while they
 * go on.
 */
export interface Rejections {
  note(rejected: Rejection, context: { node?: string; peer?: string; id?: string }): void
  /** Counts a rejection that was logged elsewhere. */
  count(reason: RejectionReason): void
  /** Returns the number of rejections since the hub started, for every reason. */
  counts(): Readonly<Record<RejectionReason, number>>
}

/** Reasons that end the stream: the peer did not authenticate. */
const authenticationReasons: ReadonlySet<RejectionReason> = new Set([
  'no-credentials',
  'token-expired',
  'wrong-audience',
  'token-invalid',
  'wrong-account',
  'no-node-claim',
  'node-mismatch'
])
const repeatMs = 10_000
const mostRemembered = 4096

/**
 * Creates the counters. Every rejection counts; of many equal ones a few are logged, with their number, and so of all that come
 * from peers that are no known node. `now` in ms.
 */
export function createRejections(
  logger: Logger,
  now: () => number = () => performance.now()
): Rejections {
  const counts = Object.fromEntries(rejectionReasons.map((reason) => [reason, 0])) as Record<
    RejectionReason,
    number
  >
  const logged = new Map<string, RepeatedLine & { unlogged: number }>()
  const ofStrangers = new FewLines(now)
  return {
    note({ reason, message }, { node, peer, id }) {
      counts[reason] += 1
      const at = now()
      const key = `${node ?? networkOf(addressOf(peer ?? ''))} ${reason}`
      const before = logged.get(key)
      const entry = repeatedLine(before, at, repeatMs)
      if (entry === undefined) {
        if (before !== undefined) before.unlogged += 1
        return
      }
      const line = node === undefined ? ofStrangers.next() : {}
      if (line === undefined) return
      if (logged.size >= mostRemembered) logged.clear()
      logged.set(key, { ...entry, unlogged: 0 })
      const unlogged = (before?.unlogged ?? 0) + (line.unlogged ?? 0)
      const more = unlogged === 0 ? {} : { unlogged }
      const who = {
        ...(node && { node }),
        ...(peer && { peer }),
        ...(id && { id: id.slice(0, 128) })
      }
      const code = authenticationReasons.has(reason) ? { code: 'UNAUTHENTICATED' } : {}
      logger.warn({ ...code, ...who, reason, ...more }, `rejected: ${message.slice(0, 512)}`)
    },
    count: (reason) => void (counts[reason] += 1),
    counts: () => counts
  }
}
