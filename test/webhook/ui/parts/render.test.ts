import fc from 'fast-check'
import { h, type JSX, type VNode } from 'preact'
import { t, test } from 'tap'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { hostile } from '../rig.js'

// Other tests may use the machine at the same time.
t.setTimeout(150_000)

/** What no value may bring into a page: the end of a tag or attribute, and what reorders text. */
const active = /[<"\u0000-\u0008\u200e\u200f\u202a-\u202e\u2066-\u2069]/

/** Renders the value in a place; returns what stands between the markup before and after it. */
function rendered(node: JSX.Element, before: string, after: string): string {
  const markup = renderMarkup(node)
  if (!markup.startsWith(before) || !markup.endsWith(after)) return `"${markup}`
  return markup.slice(before.length, markup.length - after.length)
}

test('render: every value is escaped, and nothing reorders the text around it', (t) => {
  const places: [string, (value: string) => string][] = [
    ['text', (value) => rendered(h('p', null, `x${value}`), '<p>', '</p>')],
    ['text in a list', (value) => rendered(h('p', null, ['x', value]), '<p>', '</p>')],
    ['an attribute', (value) => rendered(h('p', { title: `x${value}` }), '<p title="', '"></p>')],
    [
      'an address',
      (value) => rendered(h('a', { href: `/workloads/${value}` }), '<a href="', '"></a>')
    ],
    [
      'a data attribute',
      (value) => rendered(h('p', { 'data-url': `/api/${value}` }), '<p data-url="', '"></p>')
    ]
  ]
  for (const [place, render] of places) {
    t.notMatch(render(hostile), active, `${place}: a hostile name`)
    const holds = fc.property(fc.string(), (value) => !active.test(render(value)))
    fc.assert(holds, { numRuns: 500 })
  }
  t.end()
})

test('render: lists, numbers, absent values, and objects that are no elements', (t) => {
  const json = JSON.parse('{"type":"script","props":{"children":"alert(1)"}}') as VNode
  const cases: [string, JSX.Element, string][] = [
    [
      'a list',
      h('ul', null, [h('li', null, 'a'), h('li', null, '<b>')]),
      '<ul><li>a</li><li>&lt;b></li></ul>'
    ],
    ['absent values', h('p', null, undefined, false, null, 0), '<p>0</p>'],
    [
      'absent attributes',
      h('input', { checked: false, required: true, title: undefined }),
      '<input required/>'
    ],
    ['an object out of JSON', h('p', null, json), '<p></p>']
  ]
  for (const [what, node, expected] of cases) t.equal(renderMarkup(node), expected, what)
  t.end()
})
