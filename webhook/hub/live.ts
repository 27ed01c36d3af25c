import { join } from 'node:path'
import type { Logger } from '../../src/lib/log.js'
import { createDenialSaver, type DenialSaver, loadDenials } from './denial-file.js'
import { createDenialRows, type DenialRows } from './denials/denial-rows.js'
import { createDenials, type Denials } from './denials/denials.js'
import { createInventory, type FleetInventory } from './nodes/inventory.js'
import { createFleetSets, type FleetSets } from './nodes/used-sets.js'

/** What the hub knows of the present; nodes report it again when they connect. Of it, denials alone are saved. */
export interface Live {
  readonly denials: Denials
  readonly denialRows: DenialRows
  readonly saver: DenialSaver
  readonly inventory: FleetInventory
  readonly sets: FleetSets
}

const saveMs = 250

/** @param dir the folder of the hub's own records */
export async function openLive(dir: string, logger: Logger): Promise<Live> {
  const path = join(dir, 'denials.json')
  const denialRows = createDenialRows(await loadDenials(path, logger))
  const saver = createDenialSaver(path, denialRows.saved, saveMs, logger)
  denialRows.onNews(saver.changed)
  // Since when denials are known survives also a hub that hears of none.
  saver.changed()
  const denials = createDenials(
    logger,
    (denial, added) => denialRows.grow(denial, added, new Date().toISOString()),
    denialRows.list()
  )
  const inventory = createInventory()
  const sets = createFleetSets()
  inventory.onChange(({ gone }) => {
    for (const { id } of gone) sets.drop(id)
  })
  return { denials, denialRows, saver, inventory, sets }
}
