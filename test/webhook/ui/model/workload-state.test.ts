import { test } from 'tap'
import type { InventoryItem } from '../../../../webhook/ui/model/inventory.js'
import { runningItem } from '../running-item.js'
import { profile, startUiRig } from '../rig.js'

const ended = {
  ...profile,
  status: {
    ...profile.status,
    instances: (profile.status?.instances ?? []).map((one) => ({ ...one, ended: true }))
  }
}
const own = { ...runningItem('shop', 'checkout-0', 'app'), learned: 'shop/checkout.app' }

const rows: [string, readonly InventoryItem[] | undefined, typeof profile, RegExp][] = [
  ['none runs', [], ended, /none running/],
  ['one runs on a node of another hub', [], profile, /RuntimeDefault/],
  ['none runs and no node has reported any', undefined, ended, /none running/],
  ['no node has reported any', undefined, profile, /RuntimeDefault/],
  ['one runs', [own], profile, /unconfined/]
]

for (const [what, items, object, state] of rows) {
  test(`the state of a workload: ${what}`, async (t) => {
    const inventory = items === undefined ? {} : { inventory: () => items }
    const { app, get } = await startUiRig({ ...inventory, objects: [object] })
    t.teardown(() => app.close())
    const { body } = await get('/workloads')
    const [table = ''] = /<tbody[^]*<\/tbody>/.exec(body) ?? []
    const [cell = ''] = /<td[^]*?(none running|class="mode[^]*?<\/td>)/.exec(table) ?? []
    t.match(cell, state)
  })
}
