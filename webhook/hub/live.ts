import type { Logger } from '../../src/lib/log.js'
import { createDenialRows, type DenialRows, type SavedDenials } from './denials/denial-rows.js'
import { createDenials, type Denials } from './denials/denials.js'
import { createInventory, type FleetInventory } from './nodes/inventory.js'
import { createFleetSets, type FleetSets } from './nodes/used-sets.js'

/** What the hub knows of the present; nodes report it again when they connect. Of it, denials alone are saved. */
export interface Live {
  readonly denials: Denials
  readonly denialRows: DenialRows
  readonly inventory: FleetInventory
  readonly sets: FleetSets
}

/** @param before the denials that an earlier hub saved */
export function createLive(logger: Logger, before?: SavedDenials): Live {
  const denialRows = createDenialRows(before)
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
  return { denials, denialRows, inventory, sets }
}
