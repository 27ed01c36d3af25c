import { refOfKey } from '../../src/rules/profile-state.js'
import { knownTime } from '../../src/history/times.js'
import type { DeletedEvent } from '../../src/store/store.js'
import type { DenialRows } from './denials/denial-rows.js'
import type { HistoryRecorder } from './history/history-recorder.js'
import type { IsGone } from './history/missed-deletions.js'
import type { Relearning } from './observations/relearning.js'
import type { KnownRuns } from './observations/known-runs.js'

interface Records {
  denialRows: Pick<DenialRows, 'profileDeleted'>
  denialSaver: { changed: () => void }
  runs: Pick<KnownRuns, 'forget'>
}

/** Notes that a profile counts as deleted. Its denials are those of a deleted profile only when it is known to be gone. */
export function noteDeleted(
  {
    denialRows,
    denialSaver,
    runs,
    relearning
  }: Records & { relearning: Pick<Relearning, 'deleted'> },
  { ref: { namespace, name }, isUnreadable, at }: DeletedEvent
): void {
  runs.forget(namespace, name)
  relearning.deleted({ namespace, name })
  if (isUnreadable === true) return
  // The same time as in the history.
  denialRows.profileDeleted(namespace, name, knownTime(at) || new Date().toISOString())
  denialSaver.changed()
}

/** Records what was deleted while no hub recorded it, and notes it as what a hub sees. */
export async function noteMissed(
  records: Records & { history: Pick<HistoryRecorder, 'compare'> },
  isGone: IsGone
): Promise<void> {
  const { denialRows, denialSaver, runs, history } = records
  for (const { kind, object, at, next } of await history.compare(isGone)) {
    if (kind !== 'SeccompProfile') continue
    const { namespace, name } = refOfKey(object)
    // The runs that are known may be those of the object that has the name now.
    if (next === undefined) runs.forget(namespace, name)
    denialRows.profileDeleted(namespace, name, at, next)
    denialSaver.changed()
  }
}
