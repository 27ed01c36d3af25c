import { test } from 'tap'
import type { HistoryEvent } from '../../../../src/history/workload-history.js'
import { ProfileEvents } from '../../../../webhook/hub/history/profile-events.js'

const event = (id: string): HistoryEvent => ({
  ...{ id, at: '2026-11-24T10:00:00.000Z', what: 'mode', text: id }
})
const many = (name: string, count: number): HistoryEvent[] =>
  Array.from({ length: count }, (_, nth) => event(`${name} ${nth}`))

test('decisions about profiles are kept once, and within a limit', (t) => {
  const events = new ProfileEvents()
  t.same(events.of('shop/web'), [])
  events.add('shop/web', [event('a')])
  events.add('shop/web', [event('a'), event('b')])
  t.same(
    events.of('shop/web').map(({ id }) => id),
    ['a', 'b']
  )
  events.add('shop/web', many('c', 1000))
  t.equal(events.of('shop/web').length, 256)
  t.equal(events.of('shop/web').at(-1)?.id, 'c 999', 'the newest')
  for (let nth = 0; nth < 300; nth += 1) events.add(`shop/p${nth}`, many('d', 100))
  t.same(events.of('shop/web'), [], 'the profile that changed first is forgotten first')
  t.same(events.of('shop/p0'), [])
  t.equal(events.of('shop/p100').length, 100)
  t.equal(events.of('shop/p299').length, 100)
  for (let nth = 0; nth < 300; nth += 1) events.delete(`shop/p${nth}`)
  events.add('shop/web', [event('a')])
  t.equal(events.of('shop/web').length, 1)
  t.end()
})
