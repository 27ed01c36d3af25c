import type { Call } from '../model/context.js'
import { html } from '../parts/html.js'
import { derivedOf, planOf } from '../model/derived.js'
import {
  commandPanel,
  containerMark,
  empty,
  meter,
  nameMark,
  numberText,
  pager,
  stateMark,
  table,
  pageOf
} from '../parts/parts.js'
import type { Page } from '../parts/page.js'

const perPage = 50

function render({ ui, query }: Call) {
  const lines = ui.lines()
  const waiting = lines.filter((line) => line.toReview > 0)
  const first = lines.filter(
    ({ profile, observed }) => profile.spec.seccomp === undefined && observed > 0
  )
  const all = [...waiting, ...first]
  const pages = Math.ceil(all.length / perPage)
  const page = pageOf(query['page'], pages)
  const derived = derivedOf(ui.sources, ui.now())
  const rows = all.slice((page - 1) * perPage, page * perPage).map((line) => {
    const { evidence } = derived.completeness(line.profile)
    const plan = planOf(line.profile)
    return {
      key: line.key,
      attention: line.toReview > 0 ? ('warn' as const) : ('' as const),
      cells: [
        html`<a href="/review/${line.key}">${nameMark(`${line.namespace}/${line.name}`)}</a>${containerMark(line.container)}<span class="sub">${line.kind}</span>`,
        stateMark(line.state),
        html`${plan.adds.length} to add<span class="sub ${plan.beyond.length > 0 ? 'warn' : ''}">${plan.beyond.length} that RuntimeDefault refuses</span>`,
        meter(evidence.filter(({ ok }) => ok).length, evidence.length),
        html`${line.toReview > 0 ? 'seen since the last approval' : 'nothing is approved yet'}`,
        html`<a class="btn s" href="/review/${line.key}">Review<span class="vh"> ${line.name}</span></a>`
      ]
    }
  })
  const list =
    rows.length === 0
      ? html`<div class="body">${empty('Nothing waits for review.', 'Calls that were observed and never approved turn up here.')}</div>`
      : html`${table({ caption: 'To review', note: 'new calls of approved workloads first, then those that only learn', columns: [{ title: 'Workload · container' }, { title: 'Mode' }, { title: 'Change' }, { title: 'Evidence' }, { title: 'Why' }, { title: 'Action' }], rows, live: 'reviews' })}${pager({ page, pages, total: all.length, what: 'workloads', href: (to) => `/review?page=${to}` })}`
  return {
    title: 'Review',
    facts: [
      `${numberText(waiting.length)} with new calls`,
      `${numberText(first.length)} never approved`
    ],
    body: html`<section class="panel">${list}</section>${commandPanel('h-cli', 'secco diff NAME', 'secco profile approve NAME --reason WHY')}`
  }
}

export const reviewsPage: Page = {
  path: '/review',
  nav: 'Review',
  count: 'review',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
