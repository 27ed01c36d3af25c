import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { HubRecords } from './hub-records.js'
import { RestoredDenials } from './history/restored-denials.js'

type Learning = Pick<HubRecords, 'history' | 'denials' | 'denialRows' | 'denialSaver'>

/**
 * Adds what the store has of other hubs to the records of this one: histories, and denials that are not counted here.
 * Returns false when the store could not be read, which is logged.
 */
export async function learnHistory(
  { history, denials, denialRows, denialSaver }: Learning,
  logger: Logger
): Promise<boolean> {
  const restored = new RestoredDenials()
  try {
    await history.load((one) => restored.add(one))
  } catch (thrown) {
    const { code, message: reason } = toSeccoError(thrown)
    logger.error({ code, reason }, 'history not read; retrying')
    return false
  }
  const rows = denials.learn(restored.saved()?.rows ?? [])
  for (const [row, added] of rows) denialRows.learn(row, added)
  denialSaver.changed()
  return true
}
