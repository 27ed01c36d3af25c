import type { Logger } from '../../../src/lib/log.js'

/** Why something that came over a stream was refused: a closed set, it is a metric's label. */
export const refusalReasons = [
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
export type RefusalReason = (typeof refusalReasons)[number]

/** What was refused and why, for people and for the peer. */
export interface Refused {
  reason: RefusalReason
  message: string
  /** Seconds after which trying again makes sense; absent: never. */
  retryAfter?: number
}

/** Counts refusals and says them, one line per subject and reason in a while. */
export interface Refusals {
  note(refused: Refused, context: { node?: string; peer?: string; id?: string }): void
  /** Of what was logged elsewhere. */
  count(reason: RefusalReason): void
  /** By reason, every one of them; since the hub started. */
  counts(): Readonly<Record<RefusalReason, number>>
}

/** Those that end the stream: who speaks is not who they say. */
const proofs: ReadonlySet<RefusalReason> = new Set([
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

/** `now` in ms. Each refusal is counted; of ten thousand alike a few are logged, with how many there were. */
export function createRefusals(logger: Logger, now: () => number = Date.now): Refusals {
  const counts = Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >
  const said = new Map<string, { at: number; unsaid: number }>()
  return {
    note({ reason, message }, { node, peer, id }) {
      counts[reason] += 1
      const at = now()
      const key = `${node ?? peer?.replace(/:\d+$/, '') ?? ''} ${reason}`
      const before = said.get(key)
      if (before !== undefined && at - before.at < repeatMs) {
        before.unsaid += 1
        return
      }
      if (said.size >= mostRemembered) said.clear()
      said.set(key, { at, unsaid: 0 })
      const more = before === undefined || before.unsaid === 0 ? {} : { unsaid: before.unsaid }
      const who = {
        ...(node && { node }),
        ...(peer && { peer }),
        ...(id && { id: id.slice(0, 128) })
      }
      const code = proofs.has(reason) ? { code: 'UNAUTHENTICATED' } : {}
      logger.warn({ ...code, ...who, reason, ...more }, `refused: ${message.slice(0, 512)}`)
    },
    count: (reason) => void (counts[reason] += 1),
    counts: () => counts
  }
}
