import type { Call } from '../model/context.js'
import { type DenialGroup, groupDenials, isOpen } from '../../views/denial-view.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { workloadHref } from '../model/derived.js'
import {
  commandPanel,
  counted,
  empty,
  moment,
  numberText,
  pager,
  type Row,
  tag,
  table,
  pageOf
} from '../parts/parts.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import type { Page } from '../parts/page.js'
import { hrefWith } from './workloads.js'

const perPage = 50

function matches(group: DenialGroup, words: string, kind: string): boolean {
  const text =
    `${group.namespace}/${group.profile} ${group.syscall} ${group.comm} ${group.node}`.toLowerCase()
  if (words !== '' && !text.includes(words.toLowerCase())) return false
  if (kind === 'open') return isOpen(group)
  if (kind === 'expected') return group.expected
  if (kind === 'muted') return group.muted
  return kind !== 'logged' || group.logged
}

/** Why it matters, without the command: the buttons are beside it. */
function reasonOf(group: DenialGroup): string {
  const risk = riskOf(group.syscall)
  return risk === undefined ? 'not in the profile' : `${risk.level} risk: ${risk.reason}`
}

function stateCell(group: DenialGroup): Markup {
  if (group.expected)
    return html`${tag('explained')}<span class="sub">refused on purpose: libc has another way</span>`
  if (group.muted)
    return html`${tag('kept refused', '', 'yes')}<span class="sub">somebody said so: it alarms nobody</span>`
  if (group.succeeded > 0)
    return html`${tag('another filter is in force', 'bad')}<span class="sub bad">it succeeded ${counted(group.succeeded, 'time')} all the same</span>`
  if (group.logged)
    return html`${tag('logged', 'warn')}<span class="sub">would be refused in enforce</span>`
  return html`${tag('open', 'bad')}<span class="sub">${reasonOf(group)}</span>`
}

function muteForm(group: DenialGroup, key: string): Markup {
  const remove = group.muted
    ? html`<input type="hidden" name="remove" data-kind="boolean" value="true">`
    : nothing
  const title = group.muted
    ? 'It is shown as open again'
    : 'It stays refused, and is not shown as open any more'
  const whose = html`<span class="vh"> ${group.syscall} of ${group.profile}</span>`
  const word = group.muted ? 'Open again' : 'Keep refused'
  return html`<details><summary title="${title}">${word}${whose}</summary><form class="stack tight" data-action data-url="/api/v1/mute" data-then="reload">
<input type="hidden" name="profile" value="${key}"><input type="hidden" name="syscall" value="${group.syscall}">${remove}
<label class="field">Why<input type="text" name="reason" required maxlength="1000"></label><p class="form-error" role="alert"></p>
<button class="btn s" type="submit">${word}${whose}</button></form></details>`
}

function actions(group: DenialGroup, may: boolean, mayMute: boolean): Markup {
  const key = `${group.namespace}/${group.profile}`
  const whose = html`<span class="vh"> ${group.syscall} of ${group.profile}</span>`
  const explain = html`<a class="btn s" href="${workloadHref(key)}?call=${group.syscall}#call">Explain${whose}</a>`
  if (!may || group.expected) return explain
  const mute = mayMute ? muteForm(group, key) : nothing
  if (group.muted) return html`<div class="row">${mute}${explain}</div>`
  return html`<div class="row"><a class="btn s" href="/review/${key}">Allow in review${whose}</a>${mute}${explain}</div>`
}

/** Why the list is empty, and what that does not exclude. */
function nothingListed(knownSince: string | undefined, isFiltered: boolean, now: number): Markup {
  if (isFiltered) return empty('No denial is like that.', html`<a href="/denials">Show all</a>`)
  if (knownSince === undefined)
    return empty('No denial is known.', 'Denials are not reported to this hub.')
  return empty(
    'No denial is known.',
    html`Denials are known since ${moment(knownSince, now)}; earlier ones are not excluded. What a profile refuses (enforce) or would refuse (audit) appears here within a second.`
  )
}

async function render({ ui, identity, query }: Call) {
  const { q = '', kind = '' } = query
  const denials = ui.sources.denials()
  const knownSince = ui.sources.denialsKnownSince()
  const groups = groupDenials(denials)
  const found = groups.filter((group) => matches(group, q, kind))
  const pages = Math.ceil(found.length / perPage)
  const page = pageOf(query['page'], pages)
  const may = await identity.can('approve', 'seccompprofiles')
  const mayMute = may && ui.offers('POST', '/api/v1/mute')
  const now = ui.now()
  const rows = found.slice((page - 1) * perPage, page * perPage).map(
    (group): Row => ({
      key: group.key,
      attention: !isOpen(group) || group.logged ? '' : 'bad',
      cells: [
        moment(group.at, now),
        html`<a href="${workloadHref(`${group.namespace}/${group.profile}`)}"><bdi>${group.namespace}/${group.profile}</bdi></a><span class="sub"><bdi class="mono">${group.container.slice(0, 12)}</bdi>${group.instances > 1 ? ` and ${group.instances - 1} more` : ''} on <bdi class="nowrap">${group.node}</bdi></span>`,
        html`<span class="mono">${group.syscall}</span>${group.abi === '' ? nothing : html`<span class="sub">${group.abi}</span>`}`,
        html`<span class="mono">${group.answer}</span>`,
        html`${numberText(group.count)}`,
        html`<bdi class="mono">${group.comm === '' ? '–' : group.comm}</bdi>${group.pid === 0 ? nothing : html`<span class="sub nowrap">pid ${group.pid} on the host</span>`}`,
        stateCell(group),
        actions(group, may, mayMute)
      ]
    })
  )
  const option = (value: string, word: string) =>
    html`<option value="${value}"${value === kind ? html` selected` : nothing}>${word}</option>`
  const filter = html`<section class="panel"><form class="filters" role="search" aria-label="Filter denials" method="get"><label class="field">Search<input type="search" name="q" value="${q}" placeholder="workload, syscall, comm"></label><label class="field">State<select name="kind">${option('', 'all')}${option('open', 'open')}${option('logged', 'logged (audit)')}${option('expected', 'explained')}${option('muted', 'kept refused')}</select></label><button class="btn" type="submit">Filter</button></form></section>`
  const nobody = html`<div class="body">${nothingListed(knownSince, groups.length > 0, now)}</div>`
  const list = html`${table({ caption: 'Denials', note: 'newest first, one line per workload, syscall and answer', columns: [{ title: 'Last seen' }, { title: 'Workload' }, { title: 'Syscall' }, { title: 'Answer' }, { title: 'Count', num: true }, { title: 'Newest caller' }, { title: 'State' }, { title: 'Actions' }], rows, heading: 1, live: 'denials' })}${rows.length === 0 ? html`<div data-live="pages of lines">${nobody}</div>` : pager({ page, pages, total: found.length, what: 'lines', href: (to) => hrefWith('/denials', { q, kind, page: String(to) }) })}`
  const calls = denials.filter(isOpen).reduce((sum, { count }) => sum + count, 0)
  return {
    title: 'Denials',
    facts: [
      html`<span class="live" data-live-state>live</span>`,
      `${counted(groups.filter(isOpen).length, 'open line')}, ${counted(calls, 'call')}`,
      'counted in the kernel: none sampled',
      html`known since ${moment(knownSince, now, 'an unknown time')}`
    ],
    actions: html`<button class="btn" type="button" data-pause aria-pressed="false">Pause</button><a class="btn" href="/api/v1/denials" download="denials.json">Export</a>`,
    body: html`${filter}<section class="panel">${list}<footer>“logged” is audit: the call went through and would be refused in enforce. ENOSYS is said on purpose, so that libc falls back.</footer></section>${commandPanel(
      'h-cli',
      ui.offers('GET', '/api/v1/denials/stream') ? 'secco denials -f' : 'secco profile show NAME'
    )}`
  }
}

export const denialsPage: Page = {
  path: '/denials',
  live: true,
  nav: 'Denials',
  count: 'denials',
  needs: { verb: 'list', resource: 'denials' },
  render
}
