import { test } from 'tap'
import fc from 'fast-check'
import { profileOf, type InventoryItem } from '../../../../webhook/ui/model/inventory.js'
import {
  containersWithin,
  createContainerIndex,
  weightOf,
  weights
} from '../../../../webhook/ui/model/containers.js'
import { runs } from '../../../helpers/fuzz.js'

const drift = [{ kind: 'FilterDiffers', message: '', since: '' }]
const unprotected = { rule: 'shop/web', message: '', since: '' }

const item = fc.record({
  key: fc.integer({ min: 0, max: 20 }).map(String),
  namespace: fc.constantFrom('shop', 'ops'),
  profile: fc.constantFrom('', 'shop/web', 'ops/db'),
  sharedWith: fc.constantFrom([], ['ops/db']),
  learned: fc.constantFrom('', 'shop/web'),
  state: fc.constantFrom('unconfined', 'audit', 'enforced'),
  drift: fc.constantFrom([], drift),
  unprotected: fc.constantFrom(null, unprotected),
  stale: fc.boolean()
}) as unknown as fc.Arbitrary<InventoryItem>

const change = fc.oneof(
  item.map((put) => ({ put })),
  fc.integer({ min: 0, max: 20 }).map((key) => ({ remove: String(key) }))
)

const keysOf = (items: readonly InventoryItem[]) => items.map(({ key }) => key).sort()

test('containers: after any changes the sums are those of what is there', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.boolean(), (changes, scoped) => {
      const index = createContainerIndex()
      const there = new Map<string, InventoryItem>()
      for (const each of changes) {
        if ('put' in each) {
          index.put([each.put])
          there.set(each.put.key, each.put)
        } else {
          index.remove([{ key: each.remove }])
          there.delete(each.remove)
        }
      }
      const containers = scoped ? containersWithin(index, (one) => one === 'shop') : index
      const all = [...there.values()].filter(({ namespace }) => !scoped || namespace === 'shop')
      const counts = containers.counts()
      if (containers.size() !== all.length || counts.containers !== all.length) return false
      if (counts.stale !== all.filter(({ stale }) => stale).length) return false
      if (counts.drifted !== all.filter((one) => one.drift.length > 0).length) return false
      if (counts.states.audit !== all.filter(({ state }) => state === 'audit').length) return false
      for (const profile of ['shop/web', 'ops/db']) {
        const own = all.filter((one) => profileOf(one) === profile)
        if ((containers.countsOf(profile)?.containers ?? 0) !== own.length) return false
        const users = all.filter((one) =>
          one.profile === ''
            ? one.learned === profile
            : [one.profile, ...one.sharedWith].includes(profile)
        )
        if (keysOf(containers.usersOf(profile)).join() !== keysOf(users).join()) return false
      }
      if (all.some(({ key }) => containers.find(key)?.key !== key)) return false
      // Page by page everything turns up once, those who need a person first.
      const paged: InventoryItem[] = []
      for (let from = 0; from < all.length; from += 3) {
        const { total, items } = containers.window(from, 3)
        if (total !== all.length) return false
        paged.push(...items)
      }
      const order = paged.map(weightOf)
      const stale = containers.window(0, 100, (one) => one.stale)
      return (
        keysOf(paged).join() === keysOf(all).join() &&
        order.every((weight, at) => weight >= (order[at - 1] ?? weights[0])) &&
        stale.total === all.filter((one) => one.stale).length &&
        stale.items.every((one) => one.stale)
      )
    }),
    { numRuns: runs(250) }
  )
  t.pass('500 sequences of changes')
  t.end()
})
