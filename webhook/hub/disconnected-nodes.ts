import type { HubTiming } from './hub-timing.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { Nodes } from './nodes/nodes.js'

/** DisconnectedNodes forgets the containers of nodes whose satellite has disconnected. */
export interface DisconnectedNodes {
  close(): void
}

interface DisconnectedNodesOptions {
  nodes: Nodes
  inventory: Pick<FleetInventory, 'forget'>
  timing: Pick<HubTiming, 'graceMs' | 'forgetMs' | 'lateMs'>
  /** Called from time to time: nodes may no longer count, or be late, by time alone. */
  aged: () => void
}

/** Forgets the containers of a disconnected node after the grace period. The node itself is remembered longer. */
export function watchDisconnectedNodes(options: DisconnectedNodesOptions): DisconnectedNodes {
  const { nodes, inventory, timing } = options
  const disconnected = () => nodes.list().filter(({ connected }) => !connected)
  const ageing = setInterval(
    () => {
      for (const { name } of disconnected()) {
        const unseenMs = nodes.unseenMs(name)
        if (unseenMs > timing.graceMs) inventory.forget(name)
        if (unseenMs > timing.forgetMs) nodes.forget(name)
      }
      options.aged()
    },
    Math.min(timing.graceMs, timing.lateMs, 60_000)
  )
  ageing.unref()
  return { close: () => clearInterval(ageing) }
}
