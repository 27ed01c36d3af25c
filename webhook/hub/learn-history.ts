import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { runKey } from './denials/denial-sums.js'
import type { HubRecords } from './hub-records.js'
import type { IsGone } from './history/missed-deletions.js'
import { noteMissed } from './note-deleted.js'
import { RestoredDenials } from './history/restored-denials.js'

type Learning = Pick<HubRecords, 'history' | 'runs' | 'denials' | 'denialRows' | 'denialSaver'>

interface LearnOptions {
  logger: Logger
  isGone: IsGone
  /** Time between two attempts. */
  retryMs: number
  /** Whether to try again: this hub is still the active one. */
  isWanted: () => boolean
  /** Called when the records have what the store has. */
  learned: () => void
}

/** Adds what the store has of other hubs to the records of this one: histories, and denials that are not counted here. */
export async function learnHistory(records: Learning, options: LearnOptions): Promise<void> {
  const { logger, retryMs, isWanted, isGone, learned } = options
  if (await attempt(records, logger)) {
    learned()
    await noteMissed(records, isGone)
  } else setTimeout(() => void (isWanted() && learnHistory(records, options)), retryMs).unref()
}

/** Returns false when the store could not be read, which is logged. */
async function attempt(
  { history, runs, denials, denialRows, denialSaver }: Learning,
  logger: Logger
): Promise<boolean> {
  const restored = new RestoredDenials()
  try {
    await history.load((one) => {
      restored.add(one)
      runs.learn(one)
    })
  } catch (thrown) {
    const { code, message: reason } = toSeccoError(thrown)
    logger.error({ code, reason }, 'history not read; retrying')
    return false
  }
  history.hubTookOver()
  const { rows: known = [], runs: since = {} } = restored.saved() ?? {}
  const countOf = (key: string) => denialRows.countOf(key)
  for (const [row, added] of denials.learn(known, countOf))
    denialRows.learn(row, added, since[runKey(row)])
  for (const row of known) if (row.ended !== undefined) denialRows.end(row, row.ended)
  denialSaver.changed()
  return true
}
