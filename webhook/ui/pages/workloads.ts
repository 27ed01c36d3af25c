import type { Call } from '../model/context.js'
import { html, nothing } from '../parts/html.js'
import { derivedOf } from '../model/derived.js'
import { detailOf, type WorkloadLine } from '../model/workloads.js'
import {
  commandPanel,
  counted,
  empty,
  numberText,
  pageOf,
  pager,
  type State,
  states,
  stateWords
} from '../parts/parts.js'
import { workloadTable } from '../parts/workload-table.js'
import { runtimeDefaultScore } from './fleet.js'
import type { Page } from '../parts/page.js'

const perPage = 50

function matches(line: WorkloadLine, words: string, state: string, namespace: string): boolean {
  const text = `${line.namespace}/${line.name} ${line.container} ${line.kind}`.toLowerCase()
  return (
    (words === '' || text.includes(words.toLowerCase())) &&
    (state === '' || line.state === state) &&
    (namespace === '' || line.namespace === namespace)
  )
}

/** The same address with other answers; empty ones are left out. */
export function hrefWith(path: string, query: Readonly<Record<string, string>>): string {
  const kept = Object.entries(query).filter(([, value]) => value !== '')
  const text = new URLSearchParams(kept).toString()
  return text === '' ? path : `${path}?${text}`
}

const option = (value: string, word: string, chosen: string) =>
  html`<option value="${value}"${value === chosen ? html` selected` : nothing}>${word}</option>`

function render({ ui, query }: Call) {
  const { q = '', state = '', namespace = '' } = query
  const all = ui.lines()
  const found = all.filter((line) => matches(line, q, state, namespace))
  const pages = Math.ceil(found.length / perPage)
  const page = pageOf(query['page'], pages)
  const derived = derivedOf(ui.sources, ui.now())
  const lines = found
    .slice((page - 1) * perPage, page * perPage)
    .map((line) => detailOf(line, derived))
  const namespaces = [...new Set(all.map((line) => line.namespace))].sort()
  const filter = html`<section class="panel"><form class="filters" role="search" aria-label="Filter workloads" method="get"><label class="field">Search<input type="search" name="q" value="${q}" placeholder="workload, container, kind"></label><label class="field">Namespace<select name="namespace">${option('', 'all', namespace)}${namespaces.map((each) => option(each, each, namespace))}</select></label><label class="field">Mode<select name="state">${option('', 'all', state)}${states.map((each: State) => option(each, stateWords[each], state))}</select></label><button class="btn" type="submit">Filter</button></form></section>`
  const list =
    lines.length === 0
      ? html`<div class="body">${all.length === 0 ? empty('Nothing is learned yet.', html`Label pods <code>secco.dev/learn: "true"</code>, or record a running container in the <a href="/profiler">profiler</a>.`) : empty('No workload is like that.', html`<a href="/workloads">Show all ${numberText(all.length)}</a>`)}</div>`
      : html`${workloadTable({ lines, note: 'what needs you and what changed first', runtimeDefault: runtimeDefaultScore, discovery: ui.sources.discovery, live: 'workloads' })}${pager({ page, pages, total: found.length, what: 'workloads', href: (to) => hrefWith('/workloads', { q, state, namespace, page: String(to) }) })}`
  return {
    title: 'Workloads',
    facts: [counted(all.length, 'workload'), counted(namespaces.length, 'namespace')],
    body: html`${filter}<section class="panel">${list}</section>${commandPanel('h-cli', namespace === '' ? 'secco get workloads -A' : `secco get workloads -n ${namespace}`)}`
  }
}

export const workloadsPage: Page = {
  path: '/workloads',
  live: true,
  nav: 'Workloads',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
