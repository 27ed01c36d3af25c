import type { SatelliteMessage } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/log.js'
import { denialsOf } from './denial.js'
import { createDenialRows, type DenialRows } from './denial-rows.js'
import { createDenials, type Denials } from './denials.js'
import { createInventory, type FleetInventory } from './inventory.js'
import { createFleetSets, type FleetSets } from './used-sets.js'
import { targetOf } from './workload.js'

/** What the hub knows of the present and keeps in memory only: nodes tell it again when they connect. */
export interface Live {
  readonly denials: Denials
  readonly denialRows: DenialRows
  readonly inventory: FleetInventory
  readonly sets: FleetSets
  /** Takes a message of the present; false when it is of another kind. */
  take(node: string, body: NonNullable<SatelliteMessage['body']>, now: string): boolean
}

const longestId = 512

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
  return {
    ...{ denials, denialRows, inventory, sets },
    take(node, body, now) {
      if (body.$case === 'inventory') {
        inventory.take(node, body.value, now)
      } else if (body.$case === 'used') {
        for (const set of body.value.sets) {
          const id = `${node}/${set.key}`
          if (inventory.get(id) !== undefined) sets.put(id, set)
        }
      } else if (body.$case === 'refused') {
        for (const { instance: id, container, revision, denied } of body.value.containers) {
          const target = container === undefined ? undefined : targetOf(container)
          if (target === undefined || id === '' || id.length > longestId) continue
          const where = { target, node, lastSeen: now }
          denials.note(denialsOf({ id, container, revision, denied }, where))
        }
      } else return false
      return true
    }
  }
}
