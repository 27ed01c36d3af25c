import { h } from 'preact'
import { test } from 'tap'
import type { InventoryItem } from '../../../../webhook/ui/model/inventory.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { ContainerIdMark, revisionsOf, Verdict } from '../../../../webhook/ui/parts/marks.js'
import { runningItem } from '../running-item.js'

const [one, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`]
const drift = [{ kind: 'Unconfined', message: 'declared web@1, running unconfined', since: '' }]

const cases: readonly [
  what: string,
  item: Partial<InventoryItem>,
  revisions: [decided: string, inForce: string],
  says: RegExp
][] = [
  [
    'one was promised, and the kernel has no filter',
    { profile: 'shop/web', revision: one, drift },
    [one, ''],
    /drift.*declared web@1/
  ],
  ['enforced', { state: 'enforced', revision: one, wanted: one }, [one, one], /same/],
  ['audit', { state: 'audit', revision: one, wanted: one }, [one, one], /same/],
  [
    'an older one is in force, also where a canary gave it to a new container',
    { state: 'enforced', revision: one, wanted: other, stale: true },
    [other, one],
    /stale.*keeps its revision until it restarts/
  ],
  ['it only learns', { state: 'runtime-default' }, ['', ''], /same/],
  ['unconfined, and nothing is decided', {}, ['', ''], /nothing decided/],
  [
    'a profile of somebody else, and nothing is decided',
    { state: 'other' },
    ['', ''],
    /nothing decided/
  ],
  ['privileged, and nothing is decided', { state: 'not-protectable' }, ['', ''], /nothing decided/],
  [
    'privileged, though one is decided',
    { state: 'not-protectable', wanted: one },
    [one, ''],
    /not in force.*another filter, or none/
  ],
  ['its filter is not read yet', { state: 'starting', wanted: one }, [one, ''], /not known yet/],
  ['no rule covers it', { learned: '' }, ['', ''], /nothing decided.*no rule covers it/]
]

for (const [what, more, revisions, says] of cases) {
  test(`decided and in force: ${what}`, (t) => {
    const item = { ...runningItem('shop', 'web-1', 'app'), ...more }
    t.same(revisionsOf(item), revisions)
    const text = renderMarkup(h(Verdict, { item })).replace(/<[^>]*>/g, ' ')
    t.match(text, says)
    if (!/same/.test(says.source)) t.notMatch(text, 'same')
    t.end()
  })
}

test('an id that is shortened has its whole value in the title and in what is copied', (t) => {
  const id = 'a1'.repeat(32)
  const markup = renderMarkup(h(ContainerIdMark, { id }))
  t.match(markup, `title="${id}"`)
  t.match(markup, `data-copy-text="${id}"`)
  t.match(markup, `>${id.slice(0, 12)}<`)
  t.end()
})
