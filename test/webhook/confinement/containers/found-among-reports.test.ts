import { test } from 'tap'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { findAmongReports } from '../../../../webhook/confinement/containers/found-among-reports.js'
import type { FleetInventory } from '../../../../webhook/hub/nodes/inventory.js'

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString()

/** A hub with one node that reports its containers when `find` has been asked so often. */
function hubOf(node: Partial<NodeState>, completeAfter: number) {
  let asked = 0
  const hub = {
    nodes: () => [{ name: 'n1', ...node } as NodeState],
    inventory: { isComplete: () => asked >= completeAfter } as unknown as FleetInventory
  }
  const find = (found: string[], foundAfter: number) => () => (++asked >= foundAfter ? found : [])
  return { hub, find, asked: () => asked }
}

test('a name that nobody has is asked again while a node is expected to report', async (t) => {
  const never = Number.POSITIVE_INFINITY
  // [what, the node, it is complete after so many questions, found after so many, wanted, questions]
  for (const [what, node, complete, foundAfter, wanted, questions] of [
    ['found at once', { connected: true }, never, 1, ['web'], 1],
    ['every node has reported', { connected: true }, 0, never, [], 1],
    ['it reports, and has it', { connected: true }, never, 3, ['web'], 3],
    ['it reports, and has it not', { connected: true }, 2, never, [], 2],
    ['it comes from another hub', { connected: false, lastSeen: ago(5000) }, never, 3, ['web'], 3],
    ['it is away', { connected: false, lastSeen: ago(300_000) }, never, 3, [], 1],
    ['it was never heard of', { connected: false, lastSeen: '' }, never, 3, [], 1]
  ] as const) {
    const { hub, find, asked } = hubOf(node, complete)
    t.same(await findAmongReports(hub, find(['web'], foundAfter)), wanted, what)
    t.equal(asked(), questions, what)
  }
  const { hub, find } = hubOf({ connected: true }, never)
  t.same(await findAmongReports(hub, find([], 1), 250), [], 'it does not report in time')
})
