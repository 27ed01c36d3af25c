import { test } from 'tap'
import type { DiscoveryEvent } from '../../../../webhook/hub/observations/discovery.js'
import { labelPlaces, plotOf, wide } from '../../../../webhook/ui/model/curve.js'

const event = (at: string, instance: string, all: number): DiscoveryEvent => ({
  ...{ at, instance, node: 'n1', part: 'entry', what: 'new', names: [], count: 1, own: all, all }
})

test('the curve ends at what is observed, and its words are below each other', (t) => {
  for (const [what, observed, unseen] of [
    ['low', 3, undefined],
    ['high', 300, { lower: 0, upper: 2 }],
    ['much is unseen', 60, { lower: 0, upper: 400 }]
  ] as const) {
    const events = [event('2026-01-01T10:00:00Z', 'a', 2), event('2026-01-01T10:01:00Z', 'b', 3)]
    const now = Date.parse('2026-01-01T10:02:00Z')
    const plot = plotOf(
      { events, observed, approved: undefined, unseen, sinceStart: false, now },
      wide
    )
    t.equal(
      plot.seen,
      observed,
      `${what}: the hub may know fewer events than the profile has calls`
    )
    const places = labelPlaces(plot, 5)
    const words = [places.unseen, places.all, ...[0, 1, 2, 3, 4].map(places.instance)]
    const gaps = words.slice(1).map((at, index) => at - (words[index] ?? 0))
    t.ok(Math.min(...gaps) >= 14, `${what}: ${gaps.join(' ')}`)
    t.ok((words.at(-1) ?? 0) <= plot.floor, `${what}: inside of the figure`)
    t.ok((words[0] ?? 0) >= 12, what)
  }
  t.end()
})

test('no point of the curve is higher than what is observed', (t) => {
  // A session's calls, and those of a profile that was made again, are of other sets.
  const events = [event('2026-01-01T10:00:00Z', 'a', 27), event('2026-01-01T10:01:00Z', 'b', 30)]
  const now = Date.parse('2026-01-01T10:02:00Z')
  const plot = plotOf(
    { events, observed: 24, approved: undefined, unseen: undefined, sinceStart: false, now },
    wide
  )
  t.equal(plot.seen, 24)
  t.same(
    plot.order.map(({ all }) => all),
    [24, 24]
  )
  t.end()
})
