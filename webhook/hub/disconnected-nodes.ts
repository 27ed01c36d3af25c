import type { HubTiming } from './hub-timing.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { Nodes } from './nodes/nodes.js'

/** DisconnectedNodes forgets the containers of nodes whose satellite has disconnected. */
export interface DisconnectedNodes {
  /** Checks the nodes after they, or what other hubs report of them, have changed. */
  check(): void
  close(): void
}

interface DisconnectedNodesOptions {
  nodes: Nodes
  inventory: Pick<FleetInventory, 'forget'>
  timing: Pick<HubTiming, 'graceMs' | 'forgetMs'>
  /** Returns whether another hub reports that the node is connected to it. */
  isElsewhere: (node: string) => boolean
  /** Called from time to time: nodes may no longer count, by time alone. */
  aged: () => void
}

/**
 * Forgets the containers of a disconnected node: at once when another hub reports the node, since its containers
 * would count twice; otherwise after the grace period. The node itself is remembered longer.
 */
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
    Math.min(timing.graceMs, 60_000)
  )
  ageing.unref()
  return {
    check() {
      for (const { name } of disconnected()) if (options.isElsewhere(name)) inventory.forget(name)
    },
    close: () => clearInterval(ageing)
  }
}
