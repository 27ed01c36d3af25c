import { plural } from '../../../src/lib/plural.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { estimateText } from '../../../src/seccomp/review/completeness.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { callPanel } from '../parts/call-panel.js'
import type { Call } from '../model/context.js'
import { curveView } from '../parts/curve-view.js'
import { evidenceList, unseenPanel } from '../parts/evidence-view.js'
import { gridView } from '../parts/grid-view.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { abiOf, gridOf } from '../model/grid.js'
import { derivedOf, keyOf, profileHref } from '../model/derived.js'
import type { WorkloadLine } from '../model/workloads.js'
import {
  commandPanel,
  digestMark,
  empty,
  ladder,
  moment,
  pager,
  table,
  pageOf
} from '../parts/parts.js'
import {
  argumentPanel,
  eventRows,
  historyPanel,
  phasePanel,
  riskPanel
} from '../parts/workload-parts.js'
import type { Page } from '../parts/page.js'

const perPage = 12
const floor = runtimeDefaultNames()

/** The profile and line of an address. @throws SeccoError NOT_FOUND */
export function mustFindLine({ ui, params }: Call): WorkloadLine {
  const key = `${params['namespace'] ?? ''}/${params['name'] ?? ''}`
  const line = ui.lines().find((each) => each.key === key)
  if (line !== undefined) return line
  throw new SeccoError('NOT_FOUND', `no workload is learned as ${key}`, {
    hint: 'choose one from the list of workloads; it appears when its first container is recorded'
  })
}

function stepOf(line: WorkloadLine): 'learn' | 'audit' | 'enforce' | undefined {
  const { state } = line
  return state === 'learn' || state === 'audit' || state === 'enforce' ? state : undefined
}

function instanceTable(profile: SeccompProfile, now: number, asked: string | undefined): Markup {
  const all = profile.status?.instances ?? []
  if (all.length === 0)
    return html`<section class="panel"><div class="body">${empty('No instance is remembered.', 'They appear with the first observation.')}</div></section>`
  const pages = Math.ceil(all.length / perPage)
  const page = pageOf(asked, pages)
  const rows = all.slice((page - 1) * perPage, page * perPage).map((one) => ({
    key: one.id,
    cells: [
      html`<bdi class="mono">${one.id.slice(-28)}</bdi><span class="sub">${one.part ?? 'entry'}</span>`,
      html`<bdi>${one.node}</bdi><span class="sub">${one.kernel ?? 'kernel unknown'}</span>`,
      html`<bdi>${one.image ?? 'unknown'}</bdi><span class="sub">${one.runtime ?? ''}</span>`,
      html`${one.complete ? 'from the first instruction' : 'from later on'}`,
      html`${(one.events ?? []).join(', ') || '–'}`,
      moment(one.firstSeen, now, 'unknown'),
      moment(one.lastSeen, now)
    ]
  }))
  return html`<section class="panel">${table({ caption: 'Instances', note: 'who was seen, newest first', columns: [{ title: 'Instance' }, { title: 'Node' }, { title: 'Image' }, { title: 'Seen' }, { title: 'Went through' }, { title: 'First' }, { title: 'Last' }], rows, live: 'instances' })}${pager({ page, pages, total: all.length, what: 'instances', href: (to) => `?instances=${to}` })}</section>`
}

async function render(call: Call) {
  const { ui, identity, params, query } = call
  const line = mustFindLine(call)
  const { profile, key } = line
  const now = ui.now()
  const derived = derivedOf(ui.sources, now)
  const review = derived.review(profile)
  const result = derived.rendering(profile)
  const discovery = ui.sources.discovery.of(line.namespace, profile.metadata.name)
  const denials = ui.sources.denials().filter((one) => `${one.namespace}/${one.profile}` === key)
  const abi = abiOf(profile, query['abi'])
  const areas = gridOf({ profile, abi, result, counts: discovery.counts, denials })
  const cells = areas.flatMap((area) => area.cells)
  const cell = cells.find(({ name }) => name === query['call'])
  const mayDecide = await identity.can(
    'approve',
    'seccompprofiles',
    params['namespace'],
    params['name']
  )
  const { all } = review.estimate
  const allowed = cells.filter((each) => each.allowed).length
  const sinceStart = query['since'] === 'start'
  const curve = curveView(
    {
      events: discovery.events,
      approved: profile.spec.seccomp === undefined ? undefined : allowed,
      unseen: 'tooFew' in all ? undefined : all,
      sinceStart,
      now
    },
    eventRows(discovery.events, 200, now)
  )
  const panel = callPanel({ profile, cell, abi, denials, mayDecide, now })
  const others = Object.entries(profile.status?.observed ?? {}).filter(
    ([each, names]) => each !== abi && names.length > 0
  )
  const status = profile.status?.nodes
  const body = html`<div class="cols"><div class="stack"><section class="panel" aria-labelledby="h-curve"><header><h2 id="h-curve">Discovery</h2><p>distinct syscalls over ${sinceStart ? "time since each instance's start" : 'time, UTC'}; <a href="?since=${sinceStart ? 'clock' : 'start'}">${sinceStart ? 'by clock' : 'since each start'}</a></p></header><div class="body" data-live="curve"><div data-key="curve">${curve}</div></div></section>
<section class="panel">${table({
    caption: 'What happened',
    note: 'newest first',
    columns: [
      { title: 'Time' },
      { title: 'Event' },
      { title: 'Instance' },
      { title: 'New syscalls' }
    ],
    rows: [...discovery.events]
      .reverse()
      .slice(0, 8)
      .map((event, at) => ({
        key: `${event.instance} ${event.at} ${event.what} ${at}`,
        cells: [
          moment(event.at, now),
          html`${event.what === 'new' ? 'first calls' : event.what}<span class="sub">${event.part}</span>`,
          html`<bdi class="mono">…${event.instance.slice(-5)}</bdi>`,
          html`<span class="mono">${event.names.length === 0 ? 'none' : event.names.slice(0, 6).join(', ')}${event.count > 6 ? ` and ${event.count - 6} more` : ''}</span>`
        ]
      })),
    live: 'events'
  })}${discovery.events.length === 0 ? html`<div class="body">${empty('Nothing happened since this hub began.', 'Events come with the first observation.')}</div>` : nothing}</section></div>
<div class="stack" data-live="evidence">${evidenceList(review.evidence)}${unseenPanel(all, estimateText(all))}</div></div>
<div class="cols"><div data-live="grid"><div data-key="grid">${gridView({ areas, href: `?${abi === 'x86_64' ? '' : `abi=${abi}&`}call=`, chosen: cell?.name, runtimeDefault: cells.filter(({ name }) => floor.has(name)).length })}${others.length > 0 ? html`<p class="small muted">Also seen through ${others.map(([each, names]) => html`<a href="?abi=${each}">${each} (${names.length})</a> `)}</p>` : nothing}</div></div><div class="stack sticky dock" data-live="call" tabindex="0" role="region" aria-label="Details">${panel}</div></div>
<div class="three" data-live="panels">${phasePanel(profile)}${argumentPanel(profile)}${riskPanel(review)}</div><div data-live="history">${historyPanel(profile, now)}</div>${instanceTable(profile, now, query['instances'])}${commandPanel('h-cli', `secco profile show ${key}`, `secco learn ${key} --until-confident -- YOUR TEST COMMAND`)}`
  return {
    title: line.container === '' ? line.name : `${line.name} · ${line.container}`,
    crumbs: [
      { text: 'Fleet', href: '/' },
      { text: line.namespace, href: `/workloads?namespace=${encodeURIComponent(line.namespace)}` },
      { text: `${line.kind} ${line.name}` }
    ],
    facts: [
      plural(line.containers, 'container'),
      html`revision ${digestMark(profile.status?.revision)}${status === undefined ? nothing : html` on ${status.ready} of ${plural(status.total, 'node')}`}`,
      review.risk === undefined
        ? 'risk not known'
        : `risk ${review.risk.score} (RuntimeDefault ${review.risk.runtimeDefault})`,
      html`<a href="${profileHref(keyOf(profile))}">profile</a>`
    ],
    actions: html`${ladder(stepOf(line))}<a class="btn" href="/profiler?container=${encodeURIComponent(line.name)}">Record again</a><a class="btn primary" href="/review/${key}">Review${line.toReview > 0 ? ` ${line.toReview} new` : ''}</a>`,
    body
  }
}

export const workloadPage: Page = {
  path: '/workloads/:namespace/:name',
  live: true,
  under: '/workloads',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
