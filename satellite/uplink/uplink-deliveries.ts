import type { Revision, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { createTurns } from '../lib/turns.js'
import type { UplinkOptions } from './uplink-types.js'

/** What the hub delivers, taken in one after the other. */
export interface Deliveries {
  revision(revision: Revision): void
  desired(revisions: RevisionRef[]): void
  /** What became of a revision: told now, and again to a new hub while it is not ready. */
  note(status: RevisionStatus): void
  /** Revisions that could not be made ready: a new hub process does not know of them. */
  failing(): Iterable<RevisionStatus>
  settled(): Promise<void>
}

export function createDeliveries(
  options: Pick<UplinkOptions, 'onRevision' | 'onDesired'>,
  logger: Logger,
  tell: (status: RevisionStatus) => void
): Deliveries {
  const failing = new Map<string, RevisionStatus>()
  // One at a time and in order: a list must not overtake the revision that came before it.
  const turns = createTurns(logger, 'a delivery of the hub could not be taken in')

  function note(status: RevisionStatus): void {
    const path = revisionPath(status.namespace, status.profile, status.digest)
    if (status.ready) failing.delete(path)
    else failing.set(path, status)
    tell(status)
  }

  async function install(revision: Revision): Promise<void> {
    const { namespace, profile, digest } = revision
    try {
      note(await options.onRevision(revision))
    } catch (error) {
      const { code, message } = toSeccoError(error)
      note({ namespace, profile, digest, ready: false, code, message })
    }
  }

  async function desire(revisions: RevisionRef[]): Promise<void> {
    const wanted = new Set(revisions.map((r) => revisionPath(r.namespace, r.profile, r.digest)))
    for (const path of [...failing.keys()]) if (!wanted.has(path)) failing.delete(path)
    await options.onDesired?.(revisions)
  }

  return {
    revision: (revision) => void turns.take(() => install(revision)),
    desired: (revisions) => void turns.take(() => desire(revisions)),
    note,
    failing: () => failing.values(),
    settled: () => turns.settled()
  }
}
