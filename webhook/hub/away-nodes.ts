import type { HubTiming } from './hub-timing.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { Nodes } from './nodes/nodes.js'

/** What becomes of nodes whose satellite went. */
export interface AwayNodes {
  /** Nodes, or what other hubs say of them, have changed. */
  look(): void
  close(): void
}

export interface AwayNodesOptions {
  nodes: Nodes
  inventory: Pick<FleetInventory, 'forget'>
  timing: Pick<HubTiming, 'graceMs' | 'forgetMs'>
  /** Whether another hub says that the node is connected to it. */
  isElsewhere: (node: string) => boolean
  /** Some may have left the count, by time alone. */
  aged: () => void
}

/**
 * Forgets what ran on a node: at once when another hub tells of it, for twice it would count twice; else after
 * the grace. The node itself is remembered longer.
 */
export function watchAwayNodes(options: AwayNodesOptions): AwayNodes {
  const { nodes, inventory, timing } = options
  const away = () => nodes.list().filter(({ connected }) => !connected)
  const ageing = setInterval(
    () => {
      const now = Date.now()
      for (const { name, lastSeen } of away()) {
        if (now - Date.parse(lastSeen) > timing.graceMs) inventory.forget(name)
        if (now - Date.parse(lastSeen) > timing.forgetMs) nodes.forget(name)
      }
      options.aged()
    },
    Math.min(timing.graceMs, 60_000)
  )
  ageing.unref()
  return {
    look() {
      for (const { name } of away()) if (options.isElsewhere(name)) inventory.forget(name)
    },
    close: () => clearInterval(ageing)
  }
}
