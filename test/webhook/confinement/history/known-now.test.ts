import { test } from 'tap'
import { Inventory } from '../../../../src/api/gen/hub.js'
import { knownNow } from '../../../../webhook/confinement/history/history-routes.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'

test('what runs now is looked up on the nodes that are asked about, not in the fleet', (t) => {
  const inventory = createInventory()
  const containers = [{ key: 'c@1', container: { id: 'c', name: 'app' } }]
  const message = { generation: 1, first: true, containers }
  inventory.take('n1', Inventory.fromPartial({ ...message, last: true }), '2026-01-01T00:00:00Z')
  inventory.take('n2', Inventory.fromPartial({ ...message, last: false }), '2026-01-01T00:00:00Z')
  const asked: string[] = []
  const hub = {
    denials: () => [],
    node(name: string) {
      asked.push(name)
      const connected = name !== 'away'
      return { connected, bootId: `boot of ${name}`, inherited: false, status: undefined }
    },
    inventory: {
      ...inventory,
      all: () => {
        throw new Error('a pass over the fleet')
      }
    }
  }
  const now = knownNow(hub)
  t.same(asked, [])
  t.equal(now.bootOf('n1'), 'boot of n1')
  t.equal(now.bootOf('n2'), undefined, 'it has not listed all its containers')
  t.equal(now.bootOf('away'), undefined)
  t.ok(now.isRunning('n1', 'c'))
  t.notOk(now.isRunning('n1', 'd'))
  t.notOk(now.isRunning('n3', 'c'))
  t.same(asked, ['n1', 'n2', 'away'])
  t.end()
})
