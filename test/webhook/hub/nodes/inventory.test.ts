import { test } from 'tap'
import { Inventory } from '../../../../src/api/gen/hub.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'

test("a list that starts over is the newest, whatever the node's clock", (t) => {
  const inventory = createInventory()
  const take = (generation: number, first: boolean, ...keys: string[]) => {
    const containers = keys.map((key) => ({ key, container: { id: key, name: key } }))
    const message = Inventory.fromPartial({ generation, first, last: first, containers })
    inventory.take('n1', message, '2026-01-01T00:00:00Z')
    return [...inventory.all()].map(({ key }) => key).sort()
  }
  t.same(take(100, true, 'a', 'b'), ['a', 'b'])
  t.same(take(99, false, 'old'), ['a', 'b'], 'what an earlier connection had under way')
  t.same(take(100, false, 'c'), ['a', 'b', 'c'])
  t.same(take(7, true, 'd'), ['d'], 'a node that restarted, whose clock went back')
  t.same(take(7, false, 'e'), ['d', 'e'])
  t.end()
})
