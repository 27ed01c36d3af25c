import type { Logger } from '../../src/lib/log.js'
import { createDenialRows, type DenialRows } from './denials/denial-rows.js'
import { createDenials, type Denials } from './denials/denials.js'
import { createInventory, type FleetInventory } from './nodes/inventory.js'
import { createFleetSets, type FleetSets } from './nodes/used-sets.js'

/** What the hub knows of the present and keeps in memory only: nodes tell it again when they connect. */
export interface Live {
  readonly denials: Denials
  readonly denialRows: DenialRows
  readonly inventory: FleetInventory
  readonly sets: FleetSets
}

export function createLive(logger: Logger): Live {
  const denialRows = createDenialRows()
  const denials = createDenials(logger, (denial, added) =>
    denialRows.grow(denial, added, new Date().toISOString())
  )
  const inventory = createInventory()
  const sets = createFleetSets()
  inventory.onChange(({ gone }) => {
    for (const { id } of gone) sets.drop(id)
  })
  return { denials, denialRows, inventory, sets }
}
