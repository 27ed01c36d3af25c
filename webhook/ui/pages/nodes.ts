import type { Call } from '../model/context.js'
import { html, nothing } from '../parts/html.js'
import type { InventoryItem } from '../model/inventory.js'
import {
  commandPanel,
  ageText,
  counted,
  digestMark,
  empty,
  moment,
  numberText,
  pager,
  type Row,
  stateMark,
  tag,
  table,
  pageOf
} from '../parts/parts.js'
import { stateOf } from '../model/inventory.js'
import { type Containers, weightOf } from '../model/containers.js'
import { nodeNeedsPerson } from '../model/workloads.js'
import { lossesText, type NodeView } from '../../views/view.js'
import type { Page } from '../parts/page.js'
import { hrefWith } from './workloads.js'

const perPage = 50

function recording(node: NodeView) {
  if (node.hook === '')
    return html`${tag(node.record === 'off' ? 'off' : 'cannot record', node.record === 'off' ? '' : 'bad', 'none')}<span class="sub">${node.tracingUnavailable}</span>`
  // What is wrong has a column of its own.
  const unproven = node.conditions.filter(({ status }) => status === 'Unknown')
  return html`${tag(node.attached ? 'recording' : 'ready', 'ok', 'yes')}<span class="sub">${node.hook}, ${node.record}</span>${unproven.map(({ message }) => html`<span class="sub"><bdi>${message}</bdi></span>`)}`
}

function seenAgo({ lastSeen }: NodeView, now: number): string {
  const ms = Date.parse(lastSeen)
  return Number.isNaN(ms) ? 'never' : `${ageText(now - ms)} ago`
}

/** Those that need a person first; then those that lost something; then by name. */
function inOrder(nodes: readonly NodeView[]): NodeView[] {
  const weight = (node: NodeView) =>
    nodeNeedsPerson(node) ? 0 : lossesText(node.losses) === '' ? 2 : 1
  return [...nodes].sort((a, b) => weight(a) - weight(b) || (a.name < b.name ? -1 : 1))
}

function nodeRow(node: NodeView, now: number): Row {
  const wrong = node.conditions.filter(({ status }) => status === 'False')
  const lost = lossesText(node.losses)
  return {
    key: node.name,
    attention: !node.connected || wrong.length > 0 ? 'bad' : lost === '' ? '' : 'warn',
    cells: [
      html`<bdi>${node.name}</bdi>`,
      html`${node.connected ? tag('connected', 'ok', 'yes') : tag('away', 'bad', 'open')}<span class="sub" title="${node.lastSeen}">seen ${seenAgo(node, now)}</span>`,
      html`<bdi>${node.kernel}</bdi><span class="sub">${node.arch}</span>`,
      html`<bdi>${node.runtimes === '' ? 'none found' : node.runtimes}</bdi>`,
      recording(node),
      html`${numberText(node.revisions)}`,
      html`${lost === '' ? 'none' : html`<span class="warn">${lost}</span>`}`,
      wrong.length === 0
        ? tag('in step', 'ok', 'yes')
        : html`${tag('drift', 'bad', 'drift')}${wrong.slice(0, 3).map(({ reason, message }) => html`<span class="sub bad"><bdi>${reason}: ${message}</bdi></span>`)}`
    ]
  }
}

function verdict(item: InventoryItem) {
  const [drift] = item.drift
  if (drift !== undefined)
    return html`${tag('drift', 'bad', 'drift')}<span class="sub bad"><bdi>${drift.message}</bdi></span>`
  if (item.unprotected !== null)
    return html`${tag('not protected', 'bad', 'unconfined')}<span class="sub bad"><bdi>${item.unprotected.message}</bdi></span>`
  if (item.stale)
    return html`${tag('stale', 'warn', 'open')}<span class="sub">started before the newest revision</span>`
  if (item.ephemeral)
    return html`${tag('ephemeral', '', 'none')}<span class="sub">put in by a person: it is not learned</span>`
  if (item.revision === '' && item.profile === '' && item.learned === '')
    return html`${tag('nothing decided', '', 'none')}<span class="sub">no rule covers it</span>`
  return tag('same', 'ok', 'yes')
}

/** One page of the containers that a search finds. */
function windowOf(running: Containers | undefined, q: string, asked: string | undefined) {
  const words = q.toLowerCase()
  const wants = ({ namespace, workload, name, pod, node }: InventoryItem) =>
    `${namespace}/${workload} ${name} ${pod} ${node}`.toLowerCase().includes(words)
  const seen = (from: number) => running?.window(from, perPage, words === '' ? undefined : wants)
  const wish = Math.max(1, Math.floor(Number(asked ?? '1')) || 1)
  const first = seen((wish - 1) * perPage)
  const found = first?.total ?? 0
  const pages = Math.ceil(found / perPage)
  const page = pageOf(asked, pages)
  const { items = [] } = (page === wish ? first : seen((page - 1) * perPage)) ?? {}
  return { found, page, pages, items }
}

function render({ ui, query }: Call) {
  const now = ui.now()
  const nodes = ui.sources.nodes()
  const { q = '' } = query
  const running = ui.sources.containers()
  const { found, page, pages, items } = windowOf(running, q, query['page'])
  const nodePages = Math.ceil(nodes.length / perPage)
  const nodePage = pageOf(query['nodes'], nodePages)
  const shownNodes = inOrder(nodes).slice((nodePage - 1) * perPage, nodePage * perPage)
  const rows = items.map(
    (item): Row => ({
      key: item.key,
      attention: weightOf(item) < 2 ? 'bad' : item.stale ? 'warn' : '',
      cells: [
        html`<bdi>${item.namespace}/${item.workload}</bdi> · <bdi>${item.name}</bdi><span class="sub mono"><bdi>${item.pod === '' ? item.id.slice(0, 12) : item.pod}</bdi></span>`,
        html`<bdi>${item.node}</bdi><span class="sub">${item.runtime}</span>`,
        digestMark(item.wanted, 'nothing'),
        digestMark(item.revision, 'none'),
        html`${stateMark(stateOf(item))}<span class="sub"><bdi>${item.why}</bdi></span>`,
        verdict(item),
        moment(item.startedAt, now, 'unknown')
      ]
    })
  )
  const table1 =
    nodes.length === 0
      ? html`<div class="body">${empty('No satellite has connected yet.', html`Start one: <code>secco satellite</code>, or everything on this machine with <code>secco up</code>.`)}</div>`
      : html`${table({
          caption: 'Nodes',
          note: 'what every satellite reports; those that need you first',
          columns: [
            { title: 'Node' },
            { title: 'Connection' },
            { title: 'Kernel' },
            { title: 'Runtimes' },
            { title: 'Recording' },
            { title: 'Files', num: true },
            { title: 'Lost' },
            { title: 'State' }
          ],
          rows: shownNodes.map((node) => nodeRow(node, now)),
          live: 'nodes'
        })}${nodePages > 1 ? pager({ page: nodePage, pages: nodePages, total: nodes.length, what: 'nodes', href: (to) => hrefWith('/nodes', { q, nodes: String(to) }) }) : nothing}`
  const containers =
    running === undefined
      ? html`<div class="body">${empty('Satellites do not report their containers yet.', 'What is enforced is on the pages of the workloads; on a node: secco trace, secco doctor --node.')}</div>`
      : html`<form class="filters" role="search" aria-label="Filter containers" method="get" action="#containers"><label class="field">Search<input type="search" name="q" value="${q}" placeholder="workload, container, pod, node"></label><button class="btn" type="submit">Filter</button></form>${rows.length === 0 ? html`<div class="body">${q === '' ? empty('No container runs yet.', 'They appear as they start.') : empty('No container is like that.', html`<a href="/nodes#containers">Show all</a>`)}</div>` : html`${table({ caption: 'Decided, and in the kernel', note: 'those that differ first', columns: [{ title: 'Container' }, { title: 'Node' }, { title: 'Decided' }, { title: 'In force' }, { title: 'In the kernel' }, { title: 'State' }, { title: 'Started' }], rows, live: 'containers' })}${pager({ page, pages, total: found, what: 'containers', href: (to) => `${hrefWith('/nodes', { q, page: String(to) })}#containers` })}`}`
  const connected = nodes.filter((node) => node.connected).length
  return {
    title: 'Nodes',
    facts: [
      `${connected} of ${nodes.length} connected`,
      running === undefined ? nothing : counted(running.size(), 'container')
    ],
    actions: html`<a class="btn" href="/doctor">Run doctor</a>`,
    body: html`<section class="panel">${table1}</section><section class="panel" id="containers">${containers}</section>${commandPanel(
      'h-cli',
      'secco get nodes -o wide',
      ...(ui.offers('GET', '/api/v1/containers') ? ['secco ps'] : [])
    )}`
  }
}

export const nodesPage: Page = {
  path: '/nodes',
  live: true,
  nav: 'Nodes',
  count: 'nodes',
  needs: { verb: 'list', resource: 'nodes' },
  render
}
