import { test } from 'tap'
import { Inventory } from '../../../../src/api/gen/hub.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
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
  const keysOf = (node: string) => [...inventory.of(node)].map(({ key }) => key)
  t.same(keysOf('n1'), ['d', 'e'])
  t.same(keysOf('n2'), [])
  t.end()
})

test('a run has started when it was first reported to have: a satellite that starts again computes it again', (t) => {
  const inventory = createInventory()
  const take = (key: string, startedAt: string) => {
    const containers = [{ key, startedAt, container: { id: 'c', name: 'c' } }]
    const message = Inventory.fromPartial({ generation: 1, first: true, last: true, containers })
    inventory.take('n1', message, '2026-01-01T00:01:00Z')
    return inventory.get(`n1/${key}`)?.startedAt
  }
  t.equal(take('c@7', '2026-01-01T00:00:00.010Z'), '2026-01-01T00:00:00.010Z')
  t.equal(take('c@7', '2026-01-01T00:00:00.014Z'), '2026-01-01T00:00:00.010Z')
  t.equal(take('c@9', '2026-01-01T00:00:30.000Z'), '2026-01-01T00:00:30.000Z', 'another run')
  t.equal(take('c@11', 'never'), '2026-01-01T00:01:00Z', 'no time')
  t.end()
})

test('what a node reports of a profile like the default is kept as far as a real one goes', (t) => {
  const inventory = createInventory()
  const takes = (likeDefault?: { difference: string; denied: string[] }) => {
    const container = { id: 'c', name: 'c' }
    const containers = [{ key: 'c', container, declared: 'like-default', likeDefault }]
    const message = Inventory.fromPartial({ generation: 1, first: true, last: true, containers })
    inventory.take('n1', message, '2026-01-01T00:00:00Z')
    return inventory.get('n1/c')?.likeDefault
  }
  const many = Array.from({ length: 129 }, (_, nth) => `n${nth}`)
  const odd = ['ptrace', 'bpf', 'read', 'x'.repeat(100), 'ptrace']
  t.equal(takes(), undefined)
  t.same(takes({ difference: 'd', denied: ['ptrace'] }), { difference: 'd', denied: ['ptrace'] })
  t.same(takes({ difference: 'd', denied: odd })?.denied, ['ptrace', 'read'], "of RuntimeDefault's")
  t.equal(takes({ difference: 'd', denied: many }), undefined)
  t.equal(takes({ difference: 'd'.repeat(600), denied: [] })?.difference.length, 512)
  t.equal(inventory.get('n1/c')?.declared, 'like-default')
  t.end()
})

test('what a node reports of a default profile is kept as far as a real one goes', (t) => {
  const inventory = createInventory()
  const takes = (beyondDefault?: { names: string[] }) => {
    const containers = [{ key: 'c', container: { id: 'c', name: 'c' }, beyondDefault }]
    const message = Inventory.fromPartial({ generation: 1, first: true, last: true, containers })
    inventory.take('n1', message, '2026-01-01T00:00:00Z')
    return inventory.get('n1/c')?.beyondDefault
  }
  t.equal(takes(), undefined, 'nothing, by an earlier satellite')
  t.same(takes({ names: [] }), { names: [] })
  t.same(takes({ names: ['mount', 'bpf', 'x'.repeat(100), 'bpf'] }), { names: ['bpf', 'mount'] })
  t.equal(takes({ names: Array.from({ length: 129 }, (_, nth) => `n${nth}`) }), undefined)
  t.end()
})

test('a node reports as many different defaults as a real one has', (t) => {
  const inventory = createInventory()
  const now = '2026-01-01T00:00:00Z'
  const take = (node: string, reports: Record<string, string[]>, gone: string[] = []) => {
    const containers = Object.entries(reports).map(([key, names]) => ({
      ...{ key, container: { id: key, name: key }, declared: 'like-default' },
      ...{ likeDefault: { difference: 'd', denied: ['ptrace'] }, beyondDefault: { names } }
    }))
    inventory.take(node, Inventory.fromPartial({ generation: 1, containers, gone }), now)
  }
  const namesOf = (id: string) => inventory.get(id)?.beyondDefault?.names
  const own = (nth: number) => [knownSyscalls[nth] ?? '']
  const all = Object.fromEntries(
    Array.from({ length: 4096 }, (_, nth) => [`c${nth}`, own(nth % 300)])
  )
  take('n1', all)
  const reported = () => [...inventory.of('n1')].filter((one) => one.beyondDefault !== undefined)
  t.equal(new Set(reported().map((one) => one.beyondDefault?.names.join())).size, 16)
  t.equal(namesOf('n1/c0'), namesOf('n1/c300'), 'equal lists are one')
  t.match(inventory.get('n1/c16'), { likeDefault: { difference: 'd', denied: [] } })
  t.equal(namesOf('n1/c16'), undefined, 'its risk is that of the number of names')

  take('n2', { a: own(200) })
  t.same(namesOf('n2/a'), own(200), 'another node has its own')
  take('n1', { c16: [], c17: own(3) })
  t.same([namesOf('n1/c16'), namesOf('n1/c17')], [undefined, own(3)], 'a report that is known')
  const ofFirst = Object.keys(all).filter((_, nth) => nth % 300 === 0)
  take('n1', { c18: own(18) }, ofFirst)
  t.equal(namesOf('n1/c18'), undefined)
  take('n1', { c18: own(18) })
  t.same(namesOf('n1/c18'), own(18), 'in the place of one that ended')
  inventory.forget('n1')
  take('n1', { c19: own(19) })
  t.same(namesOf('n1/c19'), own(19))
  t.end()
})
