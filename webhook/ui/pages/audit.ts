import { actionWords } from '../parts/action-words.js'
import type { Call } from '../model/context.js'
import { html, nothing } from '../parts/html.js'
import { keyOf } from '../model/derived.js'
import { commandPanel, empty, moment, counted, pager, tag, table, pageOf } from '../parts/parts.js'
import type { Page } from '../parts/page.js'
import { hrefWith } from './workloads.js'

const perPage = 50

interface Line {
  at: string
  user: string
  what: string
  object: string
  detail: string
  status: number
}

const togetherMs = 5000

/** An approval by a page or the API is an action already: one line says both. */
function isSame(action: Line, approval: Line): boolean {
  const { user, object, detail, at, status } = action
  return (
    status < 400 &&
    user === approval.user &&
    object === approval.object &&
    detail === approval.detail &&
    Math.abs(Date.parse(at) - Date.parse(approval.at)) < togetherMs
  )
}

/** What people did here, approvals by whatever way, and which satellite saw what. */
function linesOf({ ui, query }: Call): Line[] {
  const actions = ui.audit.list().map(
    ({ at, user, action, object, detail, status }): Line => ({
      at,
      user,
      what: actionWords(action),
      object,
      detail,
      status
    })
  )
  const profiles = ui.sources.profiles()
  const approvals = profiles.flatMap((profile) =>
    (profile.status?.approvals ?? []).map(
      ({ at, by, reason = '' }): Line => ({
        at,
        user: by,
        what: 'approved, kept in the profile',
        object: keyOf(profile),
        detail: reason,
        status: 200
      })
    )
  )
  const uploads = profiles.flatMap((profile) =>
    (profile.status?.instances ?? []).slice(0, 8).map(
      ({ lastSeen, node, id, part = 'entry' }): Line => ({
        at: lastSeen,
        user: `node ${node}`,
        what: 'observation',
        object: keyOf(profile),
        detail: `${part} ${id}`,
        status: 200
      })
    )
  )
  const shown = query['kind'] === 'all' ? uploads : []
  const others = approvals.filter((approval) => !actions.some((action) => isSame(action, approval)))
  return [...actions, ...others, ...shown].sort((a, b) =>
    a.at === b.at ? 0 : a.at < b.at ? 1 : -1
  )
}

function render(call: Call) {
  const { ui, query } = call
  const { q = '', kind = '' } = query
  const words = q.toLowerCase()
  const all = linesOf(call).filter(
    (line) =>
      words === '' ||
      `${line.user} ${line.what} ${line.object} ${line.detail}`.toLowerCase().includes(words)
  )
  const pages = Math.ceil(all.length / perPage)
  const page = pageOf(query['page'], pages)
  const rows = all.slice((page - 1) * perPage, page * perPage).map((line, at) => ({
    key: `${line.at} ${line.what} ${line.object} ${at}`,
    attention: line.status >= 400 ? ('warn' as const) : ('' as const),
    cells: [
      moment(line.at, ui.now()),
      html`<bdi>${line.user}</bdi>`,
      html`${line.what}`,
      html`<bdi>${line.object === '' ? '–' : line.object}</bdi>`,
      html`<bdi class="wrap">${line.detail === '' ? '–' : line.detail}</bdi>`,
      line.status < 400 ? tag('done', 'ok', 'yes') : tag(`refused, ${line.status}`, 'bad', 'x')
    ]
  }))
  const list =
    rows.length === 0
      ? html`<div class="body">${empty('Nothing is recorded like that.', 'Every action of a page or of the API, every approval and every upload is kept here.')}</div>`
      : html`${table({ caption: 'Audit', note: 'who did what, newest first', columns: [{ title: 'When' }, { title: 'Who' }, { title: 'What' }, { title: 'On' }, { title: 'Reason' }, { title: 'Result' }], rows, heading: 2, live: 'audit' })}${pager({ page, pages, total: all.length, what: 'entries', href: (to) => hrefWith('/audit', { q, kind, page: String(to) }) })}`
  return {
    title: 'Audit',
    facts: [counted(all.length, 'entry', 'entries')],
    actions: html`<button class="btn" type="button" data-print>Print</button>`,
    body: html`<section class="panel"><form class="filters" role="search" aria-label="Filter the audit" method="get"><label class="field">Search<input type="search" name="q" value="${q}" placeholder="who, what, profile"></label><label class="field">Show<select name="kind"><option value="">what people did</option><option value="all"${kind === 'all' ? html` selected` : nothing}>and what satellites uploaded</option></select></label><button class="btn" type="submit">Filter</button></form></section><section class="panel">${list}</section>${commandPanel('h-cli', 'secco ui audit')}`
  }
}

export const auditPage: Page = {
  path: '/audit',
  nav: 'Audit',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
