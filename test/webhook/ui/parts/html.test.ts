import fc from 'fast-check'
import { t, test } from 'tap'
import { html } from '../../../../webhook/ui/parts/html.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('markup: everything put into it is escaped, and nothing reorders the text around it', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { markup } = html`<p>${text}</p>`
      return !/[<>"'\u202a-\u202e\u2066-\u2069]/.test(markup.slice('<p>'.length, -'</p>'.length))
    })
  )
  t.equal(
    html`<ul>${['a', '<b>'].map((each) => html`<li>${each}</li>`)}${undefined}${false}</ul>`.markup,
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>'
  )
  t.end()
})
