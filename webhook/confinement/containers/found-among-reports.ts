import { setTimeout as delay } from 'node:timers/promises'
import type { ConfinementSources } from './sources.js'

type NodeSources = Pick<ConfinementSources['hub'], 'nodes' | 'inventory'>

/** A node that was heard of so recently reports what runs there in a moment: it is on its way to this hub. */
const recentMs = 60_000
/** Between two questions: each goes through all containers. */
const askMs = 250
/** Time for such a report. */
export const reportMs = 10_000

/**
 * Returns what `find` finds, as soon as it finds something. A hub that has just become the active one hears within seconds
 * what runs on the nodes: until then, or until `forMs` is over, nothing found does not mean that there is nothing.
 */
export async function findAmongReports<Found>(
  hub: NodeSources,
  find: () => Found[],
  forMs = reportMs
): Promise<Found[]> {
  const end = performance.now() + forMs
  const isExpected = (): boolean =>
    hub
      .nodes()
      .some(
        ({ name, connected, lastSeen }) =>
          !hub.inventory.isComplete(name) &&
          (connected || Date.now() - Date.parse(lastSeen) < recentMs)
      )
  for (;;) {
    const found = find()
    if (found.length > 0 || performance.now() >= end || !isExpected()) return found
    await delay(askMs)
  }
}
