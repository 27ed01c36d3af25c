import { type Markup, html } from './html.js'
import { denialTables, type DenialView } from './denial-rows.js'
import { lossesText, type NodeView, type WorkloadView } from './view.js'

const style = `:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{margin:0 auto;max-width:72rem;padding:1rem}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}
code{font-family:ui-monospace,monospace}.wrap{overflow-x:auto}.note{opacity:.8}`

const shapes = { learning: '◌', approved: '◐', ready: '●' } as const

function workloadRow(workload: WorkloadView): Markup {
  return html`<tr><td>${workload.namespace}</td><th scope="row">${workload.name}</th><td>${workload.container}</td>
<td>${shapes[workload.state]} ${workload.state}</td><td>${workload.observed}</td><td>${workload.instances}</td>
<td>${workload.denied}</td><td><code>${workload.revision}</code></td><td>${workload.nodes}</td></tr>`
}

function nodeRow(node: NodeView): Markup {
  const attached = node.attached ? `● ${node.hook}, ${node.record}` : `◌ detached, ${node.record}`
  const recording = node.hook === '' ? `○ no: ${node.tracingUnavailable}` : attached
  const lost = lossesText(node.losses)
  const trouble = node.conditions
    .filter((condition) => condition.status !== 'True')
    .map((condition) => `${condition.type}: ${condition.message}`)
    .join('; ')
  return html`<tr><th scope="row">${node.name}</th><td>${node.connected ? '● connected' : '○ away'}</td><td>${node.kernel}</td>
<td>${recording}</td><td>${node.runtimes}</td><td>${node.revisions}</td><td>${lost === '' ? 'none' : lost}</td><td>${trouble === '' ? '–' : trouble}</td></tr>`
}

/** The page of one machine: what is learned, what is delivered, how the nodes fare. Readable without JavaScript. */
export function overviewPage(
  workloads: readonly WorkloadView[],
  nodes: readonly NodeView[],
  denials: readonly DenialView[]
): string {
  const emptyWorkloads = html`<p class="note">Nothing learned yet. Start a container under a filter, for example the one of
<code>secco render --learn</code>, or trace one: <code>secco trace CONTAINER</code>.</p>`
  const emptyNodes = html`<p class="note">No satellite has connected yet: start one with <code>secco satellite</code>.</p>`
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Secco</title><link rel="stylesheet" href="/ui.css"></head><body><main><h1>Secco</h1>
<section class="wrap">${
    workloads.length === 0
      ? emptyWorkloads
      : html`<table><caption>Workloads</caption><thead><tr><th scope="col">Namespace</th><th scope="col">Workload</th><th scope="col">Container</th>
<th scope="col">State</th><th scope="col">Syscalls</th><th scope="col">Instances</th><th scope="col">Denials</th><th scope="col">Revision</th><th scope="col">Nodes</th></tr></thead><tbody>${workloads.map(workloadRow)}</tbody></table>`
  }</section>
${denialTables(denials)}<section class="wrap">${
    nodes.length === 0
      ? emptyNodes
      : html`<table><caption>Nodes</caption><thead><tr><th scope="col">Node</th><th scope="col">Connection</th><th scope="col">Kernel</th><th scope="col">Recording</th>
<th scope="col">Runtimes</th><th scope="col">Revisions</th><th scope="col">Lost</th><th scope="col">Trouble</th></tr></thead><tbody>${nodes.map(nodeRow)}</tbody></table>`
  }</section>
<p class="note">Approve with <code>secco profile approve NAME</code>; the same data as JSON: <code>/api/v1/profiles</code>, <code>/api/v1/rules</code>,
<code>/api/v1/workloads</code>, <code>/api/v1/nodes</code>, <code>/api/v1/denials</code>.</p></main></body></html>`
  return page.markup
}

export { style as pageStyle }
