import { h } from 'preact'
import { test } from 'tap'
import type { DiscoveryEvent } from '../../../../webhook/hub/observations/discovery.js'
import { CurveView } from '../../../../webhook/ui/parts/curve-view.js'
import { EventRows } from '../../../../webhook/ui/parts/workload-parts.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'

const event: DiscoveryEvent = {
  ...{ at: '2026-01-01T10:00:00Z', instance: 'n1/b/1.2', node: 'n1', part: 'entry', what: 'start' },
  ...{ names: ['read'], count: 1, own: 1, all: 1 }
}

test('on a phone the times below the curve have room', (t) => {
  const now = Date.parse('2026-01-01T10:02:00Z')
  const common = { events: [event], observed: 1, approved: undefined, unseen: undefined }
  const curve = { ...common, sinceStart: false, now }
  const figures = renderMarkup(h(CurveView, { curve, rows: h('p', {}) })).split('<svg')
  const times = figures.map((each) => (each.match(/>\d\d:\d\d:\d\d</g) ?? []).length)
  t.same(
    times.filter((count) => count > 0),
    [5, 3],
    'of the wide figure, and of the narrow one'
  )
  t.end()
})

test('each kind of end has a shape, words below the curve, and the same words in the table', (t) => {
  const now = Date.parse('2026-01-01T10:02:00Z')
  const common = { observed: 1, approved: undefined, unseen: undefined, sinceStart: false, now }
  const marksOf = (what: string): number => {
    const end = { ...event, at: '2026-01-01T10:01:00Z', what, count: 0 }
    const curve = { ...common, events: [event, end] }
    const markup = renderMarkup(h(CurveView, { curve, rows: h('p', {}) }))
    for (const words of ['stop', 'killed', 'ended (how is not known)'])
      t.ok(markup.includes(`</svg>${words}</li>`), words)
    return markup.split('class="mk').length
  }
  const none = marksOf('new')
  for (const what of ['stop', 'killed', 'killed SIGSEGV', 'ended'])
    t.equal(marksOf(what), none + 2, `${what} is marked in both figures`)
  for (const [what, words] of [
    ['killed', 'killed (SIGKILL), entry'],
    ['killed SIGSYS', 'killed (SIGSYS), entry'],
    ['ended', 'ended (how is not known), entry'],
    ['stop', 'stop, entry']
  ] as const) {
    const rows = h(EventRows, { events: [{ ...event, what }], most: 5, now })
    t.ok(renderMarkup(rows).includes(words), words)
  }
  t.end()
})
