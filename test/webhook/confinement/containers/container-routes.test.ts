import { test } from 'tap'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import {
  type ContainerList,
  containerRoutes
} from '../../../../webhook/confinement/containers/container-routes.js'
import type { ConfinementCall } from '../../../../webhook/confinement/containers/route.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'
import { view } from '../../../helpers/hub-answers.js'

test('a list says of how many nodes the hub does not know what runs there', (t) => {
  const inventory = createInventory()
  const node = (name: string) => ({ name, connected: true, lastSeen: '' })
  const confinement = {
    listed: { list: () => [view('n1', 'b'), view('n1', 'a')], labelsOf: () => ({}) },
    sources: { hub: { nodes: () => [node('n1'), node('n2')], inventory } }
  } as unknown as Confinement
  const [list, sum] = containerRoutes(confinement)
  const call = { query: {}, sees: () => true } as unknown as ConfinementCall
  const missing = () => (list?.handle(call) as ContainerList).missingNodes
  const slice = (first: boolean, last: boolean) => ({
    ...{ generation: 1, first, last, gone: [] },
    containers: []
  })
  t.equal(missing(), 2, 'no node has connected')
  t.match(sum?.handle(call), { missingNodes: 2, reportingNodes: 0 }, 'no sum is without them')
  inventory.take('n1', slice(true, false), '')
  t.equal(missing(), 2, 'a list that has only begun')
  inventory.take('n1', slice(false, true), '')
  inventory.take('n2', slice(true, true), '')
  t.equal(missing(), 0, 'both have reported all of them, n2 that it has none')
  t.match(sum?.handle(call), { total: 2, missingNodes: 0, notReporting: [], reportingNodes: 2 })
  inventory.forget('n2')
  t.equal(missing(), 1, 'n2 is away for long')
  t.same(
    (list?.handle(call) as ContainerList).items.map(({ name }) => name),
    ['a', 'b']
  )
  t.end()
})
