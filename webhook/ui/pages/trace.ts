import { diffReport } from '../../../src/seccomp/review/diff-report.js'
import { seccompOfSet } from '../../../src/seccomp/review/observed-sides.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { objectNameOf } from '../../hub/nodes/workload.js'
import { setOfTrace, traceView } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { diffView } from '../parts/diff-view.js'
import { html, nothing } from '../parts/html.js'
import { icon } from '../parts/icons.js'
import { derivedOf } from '../model/derived.js'
import { ageText, command, countText, empty, numberText, tag, table } from '../parts/parts.js'
import type { Page } from '../parts/page.js'

const shown = 100
/** What the first counts bring was there when the trace began. */
const atOnceMs = 2000

async function render({ ui, identity, params }: Call) {
  const found = ui.profiler?.find(params['id'] ?? '')
  if (found === undefined)
    throw new SeccoError('NOT_FOUND', 'this trace is forgotten', {
      hint: 'start another from the profiler'
    })
  const trace = traceView(found)
  const may = await identity.can('trace', 'containers')
  const name = objectNameOf(trace.container)
  const key = `default/${name}`
  const derived = derivedOf(ui.sources, ui.now())
  const profile = derived.byKey.get(key)
  const set = setOfTrace(found.update)
  const floor = runtimeDefaultNames()
  const now = ui.now()
  const sinceStart = (at: string) => Date.parse(at) - found.startedAt
  const isNew = (at: string) => sinceStart(at) >= atOnceMs
  const recent = trace.syscalls.filter(
    ({ firstSeen }) => isNew(firstSeen) && now - Date.parse(firstSeen) < 60_000
  )
  const beyond = trace.syscalls.filter((call) => !floor.has(call.name)).length
  const figure = (term: string, value: string) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`
  const state =
    trace.problem !== ''
      ? tag(trace.problem, 'bad', 'x')
      : trace.ended
        ? tag('stopped', '', 'none')
        : html`<span class="live rec">recording</span>`
  const stop =
    trace.ended || !may
      ? nothing
      : html`<form class="inline" data-action data-url="/api/v1/traces/${trace.id}/stop" data-then="reload"><button class="btn danger" type="submit">Stop</button></form>`
  const rows = trace.syscalls.slice(0, shown).map((call) => {
    const risk = riskOf(call.name)
    return {
      key: `${call.abi} ${call.name}`,
      cells: [
        html`<span class="mono">${call.name}</span>${call.abi === 'x86_64' ? nothing : html`<span class="sub">${call.abi}</span>`}`,
        html`${countText(call.count)}`,
        html`${!isNew(call.firstSeen) ? html`<span class="muted">at the start</span>` : `after ${ageText(sinceStart(call.firstSeen))}`}`,
        html`${((100 * call.count) / Math.max(1, trace.calls)).toFixed(1)} %`,
        risk === undefined
          ? html`<span class="risk low">none</span>`
          : html`<span class="risk ${risk.level === 'high' ? 'high' : 'mid'}">${icon('tri')}${risk.level}</span>`,
        html`${floor.has(call.name) ? 'allows it' : 'refuses it'}`
      ]
    }
  })
  const counts =
    trace.syscalls.length === 0
      ? html`<div class="body">${empty('Nothing was counted yet.', 'Let the container do something: counts come once a second.')}</div>`
      : table({
          caption: 'Calls',
          note: 'most frequent first, exact',
          columns: [
            { title: 'Syscall' },
            { title: 'Calls', num: true },
            { title: 'First seen' },
            { title: 'Share', num: true },
            { title: 'Risk' },
            { title: 'RuntimeDefault' }
          ],
          rows,
          live: 'calls',
          ...(trace.syscalls.length > shown
            ? { footer: `and ${trace.syscalls.length - shown} more` }
            : {})
        })
  const keep = !trace.ended
    ? html`<section class="panel"><div class="body">${empty('Stop it to make a profile.', 'What was counted becomes observations of a profile; nothing is approved by that.')}</div></section>`
    : html`<section class="panel" aria-labelledby="h-keep"><header><h2 id="h-keep">Keep it</h2></header>${may ? html`<form class="body stack" data-action data-url="/api/v1/traces/${trace.id}/profile" data-then="/review/:namespace/:name"><label class="field">Namespace<input type="text" name="namespace" value="default" required></label><label class="field">Profile<input type="text" name="name" value="${name}" required></label><p class="small muted">${profile === undefined ? 'It is made new.' : 'It exists: its observations grow.'} Nothing is approved by this.</p><p class="form-error" role="alert"></p><button class="btn primary" type="submit">Make a profile and review it</button></form>` : nothing}</section>`
  const before = profile?.spec.seccomp
  const diff =
    !trace.ended || before === undefined
      ? nothing
      : diffView(
          diffReport(
            { label: `${key} as approved`, seccomp: before },
            { label: 'this trace', seccomp: seccompOfSet(set) }
          )
        )
  return {
    title: trace.container,
    crumbs: [{ text: 'Profiler', href: '/profiler' }, { text: `trace ${trace.id}` }],
    facts: [
      state,
      `started ${ageText(ui.now() - found.startedAt)} ago by ${trace.by}`,
      trace.complete ? 'seen from its first instruction' : 'met while it ran'
    ],
    actions: stop,
    body: html`<section class="panel" aria-label="Figures"><dl class="counters" data-live="figures" data-poll="${trace.ended ? '' : 'yes'}">${[figure('Different calls', String(trace.distinct)), figure('Calls', countText(trace.calls)), figure('New in the last minute', String(recent.length)), figure('Beyond RuntimeDefault', String(beyond)), figure('Lost', numberText(trace.lost))]}</dl></section><div class="cols"><section class="panel">${counts}</section><div class="stack"><div data-live="keep">${keep}</div><section class="panel" aria-labelledby="h-cli"><header><h2 id="h-cli">The same on the command line</h2></header><div class="body stack tight">${command(`secco trace ${trace.container}`)}${command(`secco trace ${trace.container} -o profile`)}</div></section></div></div>${diff}`
  }
}

export const tracePage: Page = {
  path: '/profiler/:id',
  under: '/profiler',
  needs: { verb: 'get', resource: 'containers' },
  render
}
