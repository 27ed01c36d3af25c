import { plural } from '../../../src/lib/plural.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { areaOf } from '../../../src/seccomp/data/kernel-areas.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import { diffAgainstObserved } from '../../../src/seccomp/review/diff.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import type { Call } from '../model/context.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { icon } from '../parts/icons.js'
import { type Derived, derivedOf, keyOf, workloadHref } from '../model/derived.js'
import {
  command,
  digestMark,
  empty,
  facts,
  ladder,
  moment,
  shortDigest,
  table,
  tag
} from '../parts/parts.js'
import { promotePanel } from '../parts/promote-view.js'
import { riskPanel } from '../parts/workload-parts.js'
import type { Page } from '../parts/page.js'
import { mustFindLine } from './workload.js'

interface Change {
  name: string
  sign: 'add' | 'del' | 'no'
  /** Ticked for a person; high risk and what RuntimeDefault refuses never is. */
  included: boolean
  evidence: Markup
}

const floor = runtimeDefaultNames()

function changesOf(call: Call, profile: SeccompProfile): Change[] {
  const { toApprove, neverObserved } = diffAgainstObserved(profile)
  const { counts } = call.ui.sources.discovery.of(
    profile.metadata.namespace ?? '',
    profile.metadata.name
  )
  const sightings = sightingsOf(profile)
  const now = call.ui.now()
  const adds = toApprove.map((name): Change => {
    const seen = sightings.get(name)
    const count = counts.get(name) ?? 0
    const risky = riskOf(name)?.level === 'high' || !floor.has(name)
    return {
      name,
      sign: risky ? 'no' : 'add',
      included: !risky,
      evidence: html`${count > 0 ? plural(count, 'time') : 'seen'} in ${seen?.instances ?? 0} of ${(profile.status?.instances ?? []).length} instances<span class="sub">first ${moment(seen?.first, now, 'unknown')}</span>`
    }
  })
  const removes = neverObserved.map(
    (name): Change => ({
      name,
      sign: 'del',
      included: false,
      evidence: html`never observed<span class="sub">allowed by an approval</span>`
    })
  )
  const rank = ({ name, sign }: Change) =>
    sign === 'no' ? 0 : sign === 'add' ? 2 : riskOf(name)?.level === 'high' ? 1 : 3
  return [...adds, ...removes].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

const signs = { add: '+', del: '−', no: '×' } as const
const signWords = { add: 'add', del: 'remove', no: 'stays refused unless ticked' } as const

function changeTable(changes: readonly Change[], unchanged: number): Markup {
  const rows = changes.map(({ name, sign, included, evidence }) => {
    const risk = riskOf(name)
    return {
      key: name,
      attention: sign === 'no' ? ('warn' as const) : ('' as const),
      cells: [
        html`<input type="checkbox" name="${sign === 'del' ? 'refuse' : 'allow'}" data-kind="list" value="${name}" form="approve" aria-label="Include ${name}"${included ? html` checked` : nothing}>`,
        html`<span class="sign ${sign}" aria-hidden="true">${signs[sign]}</span><span class="vh">${signWords[sign]}</span>`,
        html`<span class="mono">${name}</span><span class="sub">${areaOf(name)}</span>`,
        risk === undefined
          ? html`<span class="risk low">none</span>`
          : html`<span class="risk ${risk.level === 'high' ? 'high' : 'mid'}">${icon('tri')}${risk.level}</span><span class="sub">${risk.reason}</span>`,
        evidence,
        html`${floor.has(name) ? 'allows it' : 'refuses it'}`
      ]
    }
  })
  const count = (sign: Change['sign']) => changes.filter((each) => each.sign === sign).length
  if (rows.length === 0)
    return html`<section class="panel"><div class="body">${empty('Nothing changes.', `What was observed is what is approved: ${plural(unchanged, 'call')}.`)}</div></section>`
  return html`<section class="panel">${table({ caption: 'Observed against approved', note: `${count('add')} to add, ${count('del')} could go, ${plural(count('no'), 'stays', 'stay')} refused unless you tick ${count('no') === 1 ? 'it' : 'them'}, ${unchanged} unchanged`, columns: [{ title: 'Include' }, { title: 'Change' }, { title: 'Syscall' }, { title: 'Risk' }, { title: 'Evidence' }, { title: 'RuntimeDefault' }], rows, heading: 2, footer: 'What is risky is never ticked for you. Another choice makes another revision with another digest.' })}</section>`
}

/** What the ticked lines would make, and its digest as it renders here. */
function proposalOf(
  profile: SeccompProfile,
  changes: readonly Change[],
  derived: Derived
): { digest: string; problem: string } {
  const decision = { by: '', at: '', reason: '' }
  const allow = changes
    .filter(({ included, sign }) => included && sign !== 'del')
    .map(({ name }) => name)
  try {
    const proposal =
      allow.length === 0
        ? approveObserved(profile, { ...decision, beyondRuntimeDefault: 'skip' })
        : decideCalls(profile, { ...decision, allow, refuse: [], whole: true })
    return {
      digest: renderProfile(proposal, { mode: 'enforce', resolve: derived.resolve }).digest,
      problem: ''
    }
  } catch (error) {
    return { digest: '', problem: toSeccoError(error).message }
  }
}

async function render(call: Call) {
  const { ui, identity, params } = call
  const line = mustFindLine(call)
  const { profile, key } = line
  const now = ui.now()
  const derived = derivedOf(ui.sources, now)
  const review = derived.review(profile)
  const changes = changesOf(call, profile)
  const approved = new Set((profile.spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names))
  const observed = new Set(Object.values(profile.status?.observed ?? {}).flat())
  const unchanged = [...observed].filter((name) => approved.has(name)).length
  const { digest, problem } = proposalOf(profile, changes, derived)
  const may = await identity.can('approve', 'seccompprofiles', params['namespace'], params['name'])
  const met = review.evidence.filter(({ ok }) => ok).length
  const own = ui.sources.containers()?.usersOf(key) ?? []
  const containers = own.length > 0 ? own.length : line.containers
  const nodes = new Set(
    own.length > 0
      ? own.map(({ node }) => node)
      : (profile.status?.instances ?? []).filter(({ ended }) => !ended).map(({ node }) => node)
  )
  const firstSeen = (profile.status?.instances ?? [])
    .map((one) => one.firstSeen ?? one.lastSeen)
    .sort()[0]
  const images = new Set((profile.status?.instances ?? []).flatMap(({ image }) => image ?? []))
  const gates = [
    [
      'On all nodes',
      profile.status?.nodes === undefined
        ? 'nothing is delivered yet'
        : `${profile.status.nodes.ready} of ${profile.status.nodes.total}`,
      profile.status?.nodes !== undefined &&
        profile.status.nodes.ready === profile.status.nodes.total
    ],
    ['Evidence', `${met} of ${review.evidence.length}`, met === review.evidence.length],
    [
      'Not below RuntimeDefault',
      review.risk === undefined ? 'unknown' : `${review.risk.fewerThanRuntimeDefault} fewer`,
      review.risk !== undefined && review.risk.beyondRuntimeDefault.length === 0
    ],
    ['Renders', problem === '' ? 'yes' : problem, problem === '']
  ] as const
  const approveForm = may
    ? html`<form id="approve" class="body stack" data-action data-url="/api/v1/profiles/${key}/approve" data-then="reload" aria-label="Approve"><input type="hidden" name="expect" value="${digest}" data-expect><div class="field"><label for="why">Reason</label><textarea id="why" name="reason" rows="3" required maxlength="1000" aria-describedby="why-h"></textarea><small id="why-h">kept with the approval, in the audit log</small></div>${met < review.evidence.length ? html`<p class="small warn">${icon('open')} Evidence is ${met} of ${review.evidence.length}: what is missing is on the <a href="${workloadHref(key)}">workload's page</a>.</p>` : nothing}<p class="form-error" role="alert"></p><button class="btn primary wide" type="submit"${changes.length === 0 && approved.size > 0 && !isApprovalStale(profile.spec) ? html` disabled` : nothing}>Approve <span data-digest>${digest === '' ? '' : `sha256:${shortDigest(digest)}`}</span></button></form>`
    : html`<div class="body"><p class="muted">You may look, not approve: your right to approve this profile is missing.</p></div>`
  const yaml = changes.filter(({ included }) => included).slice(0, 60)
  const body = html`<div class="cols"><div class="stack">${changeTable(changes, unchanged)}<div class="three"><section class="panel" aria-labelledby="h-gates"><header><h2 id="h-gates">Gates</h2></header><div class="body"><ul class="checks" data-live="gates">${gates.map(([word, value, good]) => html`<li data-key="${word}">${good ? icon('yes', 'ok') : icon('open', 'warn')}<span>${word}<span class="vh">${good ? ': met' : ': open'}</span></span><span class="v">${value}</span></li>`)}</ul></div></section>${riskPanel(review)}<section class="panel" aria-labelledby="h-who"><header><h2 id="h-who">Where it comes from</h2></header><div class="body">${facts(
    [
      ['First seen', moment(firstSeen, now, 'unknown')],
      ['Last new call', moment(profile.status?.lastNew, now, 'unknown')],
      [
        'Nodes',
        html`<bdi>${[...new Set((profile.status?.instances ?? []).map(({ node }) => node))].join(', ') || 'unknown'}</bdi>`
      ],
      ['Images', html`<bdi>${[...images].slice(0, 3).join(', ') || 'unknown'}</bdi>`]
    ]
  )}</div></section></div>
<section class="panel" aria-labelledby="h-diff"><header><h2 id="h-diff">The change as YAML</h2><p>spec.seccomp.syscalls</p></header><div class="body"><pre class="doc" tabindex="0">  names:
${yaml.length === 0 ? html`    (unchanged)` : yaml.map(({ name, sign }) => (sign === 'del' ? html`<del>-   - ${name}</del>\n` : html`<ins>+   - ${name}</ins>\n`))}</pre></div></section></div>
<div class="stack"><section class="panel" aria-labelledby="h-blast"><header><h2 id="h-blast">Blast radius</h2><p>on your approval</p></header><div class="body"><div class="blast"><div><b>${containers}</b><span>containers</span></div><div><b>${nodes.size}</b><span>nodes</span></div><div>${ui.offers('POST', '/api/v1/simulate') && profile.status?.revision !== undefined ? html`<b data-simulate="${key}">–</b>` : html`<b>–</b>`}<span>would be refused</span></div></div><p class="small muted" data-simulate-words>Nothing that runs changes before it restarts.</p></div>${approveForm}<div class="body stack"><h3>The same on the command line</h3>${command(`secco diff ${key}`)}${command(`secco profile approve ${key} --reason WHY`)}</div></section><section class="panel" aria-label="Promote and roll back">${promotePanel(line, { may, offered: ui.offers('POST', '/api/v1/promote'), now })}</section></div></div>`
  return {
    title: `Review: ${line.name}${line.container === '' ? '' : ` · ${line.container}`}`,
    still: true,
    crumbs: [
      { text: 'Fleet', href: '/' },
      { text: 'Review', href: '/review' },
      { text: `${line.namespace}/${line.name}`, href: workloadHref(keyOf(profile)) }
    ],
    facts: [
      html`approved ${digestMark(profile.status?.revision)}, ${plural(approved.size, 'call')}`,
      html`proposed ${digestMark(digest, 'nothing')}`,
      tag(`${observed.size} observed`)
    ],
    actions: ladder(
      line.state === 'learn' || line.state === 'audit' || line.state === 'enforce'
        ? line.state
        : undefined
    ),
    body
  }
}

export const reviewPage: Page = {
  path: '/review/:namespace/:name',
  live: true,
  under: '/review',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
