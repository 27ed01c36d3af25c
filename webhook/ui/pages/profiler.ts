import { plural } from '../../../src/lib/plural.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { traceView } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { workloadHref } from '../model/derived.js'
import {
  command,
  commandPanel,
  containerMark,
  empty,
  moment,
  nameMark,
  numberText,
  pager,
  table,
  pageOf
} from '../parts/parts.js'
import type { Page } from '../parts/page.js'

const perPage = 50

interface Candidate {
  name: string
  note: string
}

async function candidatesOf({ ui }: Call): Promise<{ list: Candidate[]; problem: string }> {
  if (ui.profiler === undefined) {
    return {
      list: [],
      problem:
        'No satellite runs on the machine of this hub: trace on the node, or read what satellites upload.'
    }
  }
  try {
    const containers = await ui.profiler.containers()
    const running = containers.filter(({ ended, container }) => !ended && container !== '')
    const list = running.map(({ container, abis, complete }) => {
      const calls = abis.reduce((sum, { counts }) => sum + Object.keys(counts).length, 0)
      return {
        name: container,
        note: `${calls} different calls so far, ${complete ? 'seen from its start' : 'met while it ran'}`
      }
    })
    return { list: [...new Map(list.map((one) => [one.name, one])).values()], problem: '' }
  } catch (error) {
    return { list: [], problem: toSeccoError(error).message }
  }
}

function pickForm(list: readonly Candidate[], chosen: string, may: boolean): Markup {
  const items = list.map(
    ({ name, note }) =>
      html`<li data-key="${name}"><label><input type="radio" name="container" value="${name}"${name === chosen || (chosen === '' && list.length === 1) ? html` checked` : nothing} required><span><span class="strong"><bdi>${name}</bdi></span><span class="sub">${note}</span></span></label></li>`
  )
  const start = may
    ? html`<div class="body stack"><label class="field">Stop by itself after<select name="seconds" data-kind="number"><option value="0">never: I stop it</option><option value="30">30 seconds</option><option value="300">5 minutes</option><option value="3600">1 hour</option></select></label><p class="form-error" role="alert"></p><button class="btn primary" type="submit">Start</button></div>`
    : html`<div class="body"><p class="muted">You may look, not record.</p></div>`
  return html`<form data-action data-url="/api/v1/traces" data-then="/profiler/:id"><ul class="pick" data-live="pick">${items}</ul>${start}</form>`
}

async function render(call: Call) {
  const { ui, identity, query } = call
  const { container: chosen = '' } = query
  const { list, problem } = await candidatesOf(call)
  const may = await identity.can('trace', 'containers')
  const traces = (ui.profiler?.list() ?? []).map(traceView).reverse()
  const learning = ui.lines().filter(({ profile }) => profile.spec.seccomp === undefined)
  const pages = Math.ceil(learning.length / perPage)
  const page = pageOf(query['page'], pages)
  const now = ui.now()
  const pick =
    list.length === 0
      ? html`<div class="body">${empty(problem === '' ? 'No container is running here.' : 'There is nothing to pick from.', problem === '' ? 'Start one: it is recorded from its first instruction.' : problem)}</div>`
      : pickForm(list, chosen, may)
  const past =
    traces.length === 0
      ? html`<div class="body">${empty('No trace yet.', 'Pick a container and start.')}</div>`
      : table({
          caption: 'Traces',
          columns: [
            { title: 'Container' },
            { title: 'Started' },
            { title: 'Different calls', num: true },
            { title: 'Calls', num: true },
            { title: 'State' }
          ],
          rows: traces.slice(0, 20).map((trace) => ({
            key: trace.id,
            cells: [
              html`<a href="/profiler/${trace.id}"><bdi>${trace.container}</bdi></a><span class="sub">by <bdi>${trace.by}</bdi></span>`,
              moment(trace.startedAt, now),
              html`${trace.distinct}`,
              html`${numberText(trace.calls)}`,
              html`${trace.problem !== '' ? trace.problem : trace.ended ? 'stopped' : 'running'}`
            ]
          })),
          live: 'traces'
        })
  const learn =
    learning.length === 0
      ? html`<div class="body">${empty('No workload is learning.', 'A workload learns from its first container on, until somebody approves.')}</div>`
      : html`${table({ caption: 'Workloads that learn', note: 'observed by every node, without anybody starting anything', columns: [{ title: 'Workload' }, { title: 'Observed', num: true }, { title: 'Instances', num: true }, { title: 'Last new call' }], rows: learning.slice((page - 1) * perPage, page * perPage).map((line) => ({ key: line.key, cells: [html`<a href="${workloadHref(line.key)}">${nameMark(`${line.namespace}/${line.name}`)}</a>${containerMark(line.container)}`, html`${line.observed}`, html`${(line.profile.status?.instances ?? []).length}`, moment(line.profile.status?.lastNew, now, 'unknown')] })), live: 'learning' })}${pager({ page, pages, total: learning.length, what: 'workloads', href: (to) => `/profiler?page=${to}` })}`
  const target = learning[0]?.key ?? 'NAMESPACE/NAME'
  return {
    title: 'Profiler',
    facts: [
      'what a container asks for right now, counted in the kernel',
      `${plural(list.length, 'container')} here`
    ],
    body: html`<div class="cols first"><section class="panel" aria-labelledby="h-pick"><header><h2 id="h-pick">Record a container</h2></header>${pick}</section><div class="stack"><section class="panel">${past}</section><section class="panel">${learn}</section><section class="panel" aria-labelledby="h-until"><header><h2 id="h-until">Learn until confident</h2><p>for a pipeline</p></header><div class="body stack"><p>Runs your tests, waits until the evidence is complete, and fails on calls that a baseline does not know.</p>${command(`secco learn ${target} --until-confident --fail-on-new baseline.json -- npm test`)}</div></section></div></div>${commandPanel('h-cli', chosen === '' ? 'secco trace CONTAINER' : `secco trace ${chosen}`)}`
  }
}

export const profilerPage: Page = {
  path: '/profiler',
  nav: 'Profiler',
  needs: { verb: 'list', resource: 'containers' },
  render
}
