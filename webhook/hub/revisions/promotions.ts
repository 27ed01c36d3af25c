import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { type DeniedCall, undecidedCallsOf } from '../../../src/seccomp/review/denied-calls.js'
import { promote, promotionOf } from '../../../src/seccomp/review/promotion.js'
import type { Store, StoreEvent } from '../../../src/store/store.js'
import type { DenialRow } from '../denials/denial-row.js'

/** Promotions approves profiles by spec.promote: when a profile changes, and from time to time, because a policy may wait. */
export interface Promotions {
  event(event: StoreEvent): void
  /** Checks every profile with a policy now; resolves when the profiles that are ready are approved. */
  check(): Promise<void>
  close(): Promise<void>
}

interface PromotionsOptions {
  store: Store
  /** What was denied and logged: an attacker may have made such a call, so no policy approves it. */
  records: { denialRows: { list(): readonly DenialRow[] } }
  logger: Logger
  /** Time between two checks. */
  everyMs: number
  now: () => number
  /** The user name in these approvals, if the API server checks it. */
  approver?: string
  /** Returns whether this hub approves; default true. */
  mayWrite?: () => boolean
}

/** Returns the calls of a profile that a filter denied, or that audit logged, also what was decided about them. */
function undecidedOf({ metadata }: SeccompProfile, rows: readonly DenialRow[]): DeniedCall[] {
  const { namespace = '', name } = metadata
  const own = rows.filter(
    (row) =>
      row.profile === name &&
      row.namespace === namespace &&
      !row.expected &&
      row.deleted === undefined
  )
  return undecidedCallsOf(own.map((row) => ({ ...row, call: row.syscall, state: 'open' })))
}

export function createPromotions(options: PromotionsOptions): Promotions {
  const { store, records, logger, everyMs, now, approver } = options
  const followed = new Map<string, SeccompProfile>()
  let running: Promise<void> | undefined
  let asked = 0
  let closed = false

  async function approve(profile: SeccompProfile): Promise<void> {
    const { namespace = '', name } = profile.metadata
    if (closed || options.mayWrite?.() === false || !promotionOf(profile, now()).ready) return
    const undecided = undecidedOf(profile, records.denialRows.list())
    if (!promotionOf(profile, now(), undecided).ready) return
    try {
      const after = await store.update('SeccompProfile', { namespace, name }, (current) =>
        promote(current, now(), approver, undecided)
      )
      const approval = after.spec.approval ?? after.status?.approvals?.at(-1)
      if (approval !== undefined) {
        const { by, reason } = approval
        logger.info({ namespace, profile: name, by, reason }, 'approved by policy')
      }
    } catch (error) {
      const { code, message: reason } = toSeccoError(error)
      if (code === 'NOT_FOUND') return
      logger.error({ code, namespace, profile: name, reason }, 'not approved by policy')
    }
  }

  async function work(): Promise<void> {
    for (let done = 0; done !== asked; ) {
      done = asked
      for (const profile of [...followed.values()]) await approve(profile)
    }
    // In the same turn as the last check of `asked`: a later call starts again.
    running = undefined
  }

  function check(): Promise<void> {
    asked += 1
    running ??= Promise.resolve().then(work)
    return running
  }

  const timer = setInterval(() => void check(), everyMs)
  timer.unref()

  return {
    event(event) {
      if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
        const profile = event.object
        const key = profileKey(profile.metadata.namespace ?? '', profile.metadata.name)
        if (profile.spec.promote === undefined) {
          followed.delete(key)
          return
        }
        followed.set(key, profile)
        void check()
      } else if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
        followed.delete(profileKey(event.ref.namespace, event.ref.name))
      }
    },
    check,
    async close() {
      closed = true
      clearInterval(timer)
      await running
    }
  }
}
