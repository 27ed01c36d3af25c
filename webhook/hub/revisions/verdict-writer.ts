import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Store } from '../../../src/store/store.js'
import { type Verdict, withVerdict } from '../status/profile-status.js'
import { isReady } from '../nodes/readiness.js'

/** What was written of one profile. */
export interface Written {
  /** The last verdict that was written: another hub's different one is not fought over. */
  written: string
  /** The same without the number of nodes, and when it was written (ms). */
  told: string
  toldAt: number
  /** What was last said about a status that could not be written: said once. */
  complaint: string
}

export const unwritten: Written = { written: '', told: '', toldAt: 0, complaint: '' }

/** What of a verdict is told at once; how many nodes are ready so far can wait. */
function gistOf(verdict: Verdict): unknown {
  if (verdict.state === 'failed') return verdict.error.message
  if (verdict.state === 'unapproved') return verdict.state
  const { digest, audit, readiness } = verdict
  return [digest, audit, isReady(readiness), readiness.failed]
}

function sayingOf(verdict: Verdict): unknown {
  if (verdict.state === 'failed') return verdict.error.message
  if (verdict.state === 'unapproved') return verdict.state
  const { ready, total, waiting, failed } = verdict.readiness
  return [verdict.digest, verdict.audit, ready, total, waiting, failed]
}

/** Writes verdicts into the status of profiles, each once. */
export function createVerdictWriter<One extends Written & { profile: SeccompProfile }>(options: {
  store: Store
  logger: Logger
  /** Between two writes about nothing but the number of nodes; 0: each is written. */
  countMs: number
  retryMs: number
  /** Whether the verdict is about this spec. */
  isCurrent: (one: One, profile: SeccompProfile) => boolean
  /** See `withVerdict`. */
  recordEdits?: boolean
  /** Asks for another pass. */
  again: (ms: number) => void
}): { write(one: One, verdict: Verdict): Promise<void>; close(): void } {
  const { store, logger, countMs, again } = options
  let timer: NodeJS.Timeout | undefined

  /** Not `again`, which would keep a sooner pass waiting for this later one. */
  function recount(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined
      again(0)
    }, ms)
  }

  return {
    async write(one, verdict) {
      const { namespace = '', name, uid, generation } = one.profile.metadata
      const written = JSON.stringify([uid, generation, sayingOf(verdict)])
      if (one.written === written) return
      const told = JSON.stringify([uid, generation, gistOf(verdict)])
      const wait = one.toldAt + countMs - Date.now()
      if (one.written !== '' && one.told === told && wait > 0) {
        recount(wait)
        return
      }
      try {
        const now = new Date().toISOString()
        const after = await store.update('SeccompProfile', { namespace, name }, (profile) =>
          options.isCurrent(one, profile)
            ? withVerdict(profile, verdict, now, options.recordEdits)
            : profile
        )
        // Approved anew meanwhile: this verdict is about an older spec, the event brings a new one.
        if (!options.isCurrent(one, after)) return
        Object.assign(one, { written, told, toldAt: Date.now(), complaint: '' })
      } catch (thrown) {
        const error = toSeccoError(thrown)
        if (error.code === 'NOT_FOUND') return
        if (one.complaint !== error.message) {
          logger.error({ code: error.code, namespace, profile: name }, `status: ${error.message}`)
          one.complaint = error.message
        }
        // A document that somebody broke comes back as an event once it is mended.
        if (error.code !== 'STORE_CORRUPT' && error.code !== 'TOO_LARGE') again(options.retryMs)
      }
    },
    close: () => clearTimeout(timer)
  }
}
