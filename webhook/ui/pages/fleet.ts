import { plural } from '../../../src/lib/plural.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { barView } from '../parts/bar-view.js'
import type { Call, Ui } from '../model/context.js'
import { groupDenials, isOpen } from '../../views/denial-view.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { type Icon, icon } from '../parts/icons.js'
import { derivedOf } from '../model/derived.js'
import { detailOf, needsOf, nodeNeedsPerson, type WorkloadLine } from '../model/workloads.js'
import { command, counted, empty, numberText, type State, states } from '../parts/parts.js'
import { lossesText } from '../../views/view.js'
import { workloadTable } from '../parts/workload-table.js'
import { tour } from '../parts/tour-view.js'
import type { Page } from '../parts/page.js'

const shown = 10
const mostTodo = 5

/** RuntimeDefault's own score, which every other is measured against. */
export const runtimeDefaultScore = riskReport(runtimeDefault()).score

/** Containers by what they are under; without reports of satellites, what their rules and profiles say. */
export function countStates(ui: Ui): {
  counts: Record<State, number>
  total: number
  real: boolean
} {
  const running = ui.sources.containers()?.counts()
  const counts =
    running?.states ??
    (Object.fromEntries(states.map((state) => [state, 0])) as Record<State, number>)
  if (running === undefined) for (const line of ui.lines()) counts[line.state] += line.containers
  const total = states.reduce((sum, state) => sum + counts[state], 0)
  return { counts, total, real: running !== undefined }
}

interface Todo {
  shape: Icon
  tone: 'warn' | 'bad'
  title: string
  detail: string
  href: string
  verb: string
}

const titleOf = ({ name, container }: WorkloadLine) =>
  container === '' ? name : `${name} · ${container}`

function todosOf(ui: Ui, lines: readonly WorkloadLine[]): Todo[] {
  const drifted = lines
    .filter((line) => line.drifted > 0)
    .map(
      (line): Todo => ({
        shape: 'drift',
        tone: 'bad',
        title: `${titleOf(line)} drifted`,
        detail: `${line.drifted} of ${counted(line.containers, 'container')} not under what was decided`,
        href: '/nodes#containers',
        verb: 'Inspect'
      })
    )
  const denials = groupDenials(ui.sources.denials())
    .filter(isOpen)
    .map(
      (one): Todo => ({
        shape: one.logged ? 'open' : 'x',
        tone: one.logged ? 'warn' : 'bad',
        title: `${one.syscall} ${one.logged ? 'logged' : 'refused'}`,
        detail: `${one.namespace}/${one.profile}, ${plural(one.count, 'time')}, by ${one.comm === '' ? 'an unknown caller' : one.comm}`,
        href: `/denials?q=${encodeURIComponent(one.syscall)}`,
        verb: 'Decide'
      })
    )
  const reviews = lines
    .filter(({ toReview }) => toReview > 0)
    .map(
      (line): Todo => ({
        shape: 'open',
        tone: 'warn',
        title: `${titleOf(line)} to review`,
        detail: `${plural(line.toReview, 'call was', 'calls were')} observed since the last approval`,
        href: `/review/${line.key}`,
        verb: 'Review'
      })
    )
  const nodes = ui.sources.nodes().filter(nodeNeedsPerson)
  const nodeTodos = nodes.map(
    (node): Todo => ({
      shape: 'drift',
      tone: 'warn',
      title: node.connected ? `${node.name} complains` : `${node.name} is away`,
      detail:
        node.conditions.find(({ status }) => status === 'False')?.message ??
        'its satellite is not connected',
      href: '/nodes',
      verb: 'Inspect'
    })
  )
  return [...drifted, ...denials, ...nodeTodos, ...reviews]
}

function todoList(todos: readonly Todo[], total: number): Markup {
  if (todos.length === 0)
    return html`<div class="body">${empty('Nothing waits for you.', 'Denials, drift and calls to review turn up here.')}</div>`
  return html`<ul class="todo">${todos.slice(0, mostTodo).map(({ shape, tone, title, detail, href, verb }) => html`<li>${icon(shape, tone)}<div><span class="strong"><bdi>${title}</bdi></span><p><bdi>${detail}</bdi></p></div><a class="btn s" href="${href}">${verb}<span class="vh"> ${title}</span></a></li>`)}</ul>${total > mostTodo ? html`<footer>and ${total - mostTodo} more in <a href="/denials">denials</a>, <a href="/review">review</a> and <a href="/nodes">nodes</a></footer>` : nothing}`
}

function figure(term: string, value: string, note: string): Markup {
  return html`<div><dt>${term}</dt><dd>${value}</dd><dd>${note}</dd></div>`
}

function knownSinceText({ sources }: Ui): string {
  const since = sources.denialsKnownSince()
  return since === undefined
    ? 'not reported here'
    : `known since ${since.slice(0, 10)} ${since.slice(11, 16)} UTC`
}

function render({ ui }: Call) {
  const lines = ui.lines()
  const nodes = ui.sources.nodes()
  const derived = derivedOf(ui.sources, ui.now())
  const { counts, total, real } = countStates(ui)
  const needs = needsOf(ui.sources, lines)
  const waiting = needs.review + needs.denials + needs.nodes
  const enforced = total === 0 ? 0 : Math.round((100 * counts.enforce) / total)
  const connected = nodes.filter((node) => node.connected).length
  const approved = lines.filter(({ profile }) => profile.spec.seccomp !== undefined)
  const ready = approved.filter(
    ({ profile: { status } }) =>
      status?.nodes !== undefined &&
      status.nodes.total > 0 &&
      status.nodes.ready === status.nodes.total
  )
  const denials = ui.sources.denials()
  const open = denials.filter(isOpen)
  const lossy = nodes.filter(({ losses }) => lossesText(losses) !== '')
  const todos = todosOf(ui, lines)
  const body = html`${tour(lines, nodes.length)}<div class="cols equal"><div class="stack">
<section class="panel" aria-labelledby="h-state"><header><h2 id="h-state">${real ? 'What is really enforced' : 'What was decided'}</h2><p>${real ? 'read from the kernel of every node, not from pod specs' : 'from rules and profiles: satellites do not report kernels yet'}</p></header><div class="body stack" data-live="bar"><div class="stack" data-key="bar">${barView(counts, 'containers')}</div></div></section>
<section class="panel grow" aria-label="Figures"><dl class="figures" data-live="figures">${[
    figure(
      'Enforced',
      `${enforced} %`,
      `${numberText(counts.enforce)} of ${counted(total, 'container')}`
    ),
    figure(
      'Profiles on nodes',
      `${ready.length} / ${approved.length}`,
      `${numberText(connected)} of ${counted(nodes.length, 'node')} connected`
    ),
    figure(
      'Refused calls',
      numberText(open.reduce((sum, { count }) => sum + count, 0)),
      `${needs.denials} different, ${denials.length - open.length} explained, ${knownSinceText(ui)}`
    ),
    figure(
      'Records lost',
      lossy.length === 0 ? '0' : String(lossy.length),
      lossy.length === 0 ? 'no counter of any node moved' : 'nodes lost something: see Nodes'
    )
  ]}</dl></section></div>
<section class="panel" id="needs-you" aria-labelledby="h-needs" data-live="todo"><header><h2 id="h-needs">Needs you: ${waiting}</h2></header><div><div>${todoList(todos, todos.length)}</div></div></section></div>
<section class="panel">${
    lines.length === 0
      ? html`<div class="body">${empty('Nothing is learned yet.', html`Start a container under a filter, for example that of <code>secco render --learn</code>, label pods <code>secco.dev/learn: "true"</code>, or record one that runs in the <a href="/profiler">profiler</a>.`)}</div>`
      : workloadTable({
          lines: lines.slice(0, shown).map((line) => detailOf(line, derived)),
          note: `${Math.min(shown, lines.length)} of ${numberText(lines.length)}, what needs you and what changed first`,
          runtimeDefault: runtimeDefaultScore,
          discovery: ui.sources.discovery,
          live: 'workloads'
        })
  }</section><section class="panel" aria-labelledby="h-cli"><header><h2 id="h-cli">The same on the command line</h2></header><div class="body">${command('secco get workloads -A')}</div></section>`
  return {
    title: 'Fleet',
    facts: [
      html`<bdi>${ui.place}</bdi>`,
      counted(total, 'container'),
      counted(lines.length, 'workload'),
      counted(nodes.length, 'node'),
      `as of ${new Date(ui.now()).toISOString().slice(11, 19)} UTC`
    ],
    actions: html`<a class="btn" href="/profiler">Record a container</a><a class="btn" href="/rules#new">Learn a namespace</a>`,
    body
  }
}

export const fleetPage: Page = {
  path: '/',
  live: true,
  nav: 'Fleet',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
