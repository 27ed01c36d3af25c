import type { Call } from '../model/context.js'
import { html, nothing } from '../parts/html.js'
import { icon } from '../parts/icons.js'
import { checksOf } from '../model/doctor.js'
import { commandPanel } from '../parts/parts.js'
import type { Page } from '../parts/page.js'

const shapes = {
  good: ['yes', 'ok', 'works'],
  bad: ['x', 'bad', 'does not work'],
  unknown: ['open', 'warn', 'not known']
} as const

function render({ ui }: Call) {
  const checks = checksOf(ui.sources, ui.now())
  const bad = checks.filter(({ verdict }) => verdict === 'bad').length
  const list = checks.map(({ what, verdict, found, next }) => {
    const [shape, tone, word] = shapes[verdict]
    return html`<li data-key="${what}">${icon(shape, tone)}<span class="strong">${what}<span class="vh">: ${word}</span></span><span class="v"><bdi>${found}</bdi></span>${next === '' ? nothing : html`<span class="hint">${next}</span>`}</li>`
  })
  return {
    title: 'Doctor',
    facts: [
      bad === 0
        ? 'every check that can be made is good'
        : `${bad} of ${checks.length} ${bad === 1 ? 'needs' : 'need'} mending`,
      `as of ${new Date(ui.now()).toISOString().slice(11, 19)} UTC`
    ],
    actions: html`<a class="btn" href="/doctor">Check again</a>`,
    body: html`<section class="panel" aria-labelledby="h-checks"><header><h2 id="h-checks">The loop, link by link</h2></header><div class="body"><ul class="checks wide" data-live="checks">${list}</ul></div></section>${commandPanel('h-cli', 'secco doctor', 'secco doctor --node')}`
  }
}

export const doctorPage: Page = {
  path: '/doctor',
  live: true,
  nav: 'Doctor',
  needs: { verb: 'list', resource: 'nodes' },
  render
}
