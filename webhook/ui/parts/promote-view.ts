import type { LadderStep } from '../../../src/api/ladder.js'
import { plural } from '../../../src/lib/plural.js'
import { html, type Markup, nothing } from './html.js'
import type { WorkloadLine } from '../model/workloads.js'
import { command, moment, shortDigest } from './parts.js'

const mostSteps = 5

const stepWords: Readonly<Record<string, string>> = {
  promote: 'promoted',
  canary: 'canary began',
  complete: 'canary complete',
  return: 'went back by itself',
  rollback: 'rolled back',
  allow: 'call allowed',
  mute: 'call kept refused'
}

interface Options {
  /** Who looks may change it. */
  may: boolean
  /** This hub moves workloads on their ladder; else rules alone do. */
  offered: boolean
  now: number
}

/** The canary that runs: who gets what, and what becomes of it. */
function canaryView({ profile }: WorkloadLine, now: number): Markup {
  const { canary, mode } = profile.spec.ladder ?? {}
  if (canary === undefined) return nothing
  const { percent, from, startedAt, quietFor } = canary
  const former = from.revision === undefined ? '' : ` ${shortDigest(from.revision)}`
  return html`<p class="banner" data-canary><b>Canary</b>: ${percent} % of new pods get ${mode}, the others ${from.mode}${former}. After ${quietFor} without trouble all do; it goes back by itself on a denial. Began ${moment(startedAt, now)}</p>`
}

/** Why quiet takes it nowhere: nobody watches where it runs. */
function unprovenView({ profile }: WorkloadLine): Markup {
  const said = profile.status?.conditions?.find(({ type }) => type === 'QuietUnproven')
  if (said?.status !== 'True') return nothing
  return html`<p class="banner" data-unproven><b>Quiet proves nothing here</b>: <bdi>${said.message}</bdi>. Record on that node, or take the step yourself.</p>`
}

/** From where to where; what a decision on one call says, its reason says. */
function placesOf(action: string, from: string, to: string): string {
  if (action === 'mute' || action === 'allow') return to === 'heard' ? ', heard again' : ''
  return from === to ? `: all to ${to}` : `: ${from} → ${to}`
}

/** The last moves on the ladder, newest first. */
function stepList(steps: readonly LadderStep[], now: number): Markup {
  // Always a region: the first move makes nothing else of the page come anew.
  if (steps.length === 0) return html`<div data-live="steps"></div>`
  const rows = steps
    .slice(-mostSteps)
    .reverse()
    .map(
      ({ action, from, to, by, at, reason }) =>
        html`<li><span><b>${stepWords[action] ?? action}</b>${placesOf(action, from, to)} <span class="sub">by <bdi>${by}</bdi>${reason === undefined ? nothing : html`: <bdi>${reason}</bdi>`}</span></span>${moment(at, now)}</li>`
    )
  return html`<div class="body stack tight" data-live="steps"><h3>Moves</h3><ul class="list tight" data-key="steps">${rows}</ul></div>`
}

function promoteForm({ key, state, containers }: WorkloadLine, next: 'audit' | 'enforce'): Markup {
  const total = Math.max(1, containers)
  const down =
    state === 'enforce'
      ? html`<label><input type="checkbox" name="force" data-kind="boolean" value="true"> Also down a rung, from enforce to audit</label>`
      : nothing
  return html`<form class="stack tight" data-action data-url="/api/v1/promote" data-then="reload" aria-label="Promote"><input type="hidden" name="profile" value="${key}"><div class="field"><label for="mode">Next mode</label><select id="mode" name="mode"><option value="audit"${next === 'audit' ? html` selected` : nothing}>audit: would-be refusals are logged</option><option value="enforce"${next === 'enforce' ? html` selected` : nothing}>enforce${state === 'enforce' ? ': the newest revision' : nothing}</option></select></div>${down}<div class="field"><label for="canary">First on a share of new pods, %</label><input id="canary" name="canary" data-kind="number" type="range" min="5" max="100" step="5" value="40" data-total="${total}"><output for="canary" id="canary-out">40 %, ${Math.ceil(total * 0.4)} of ${plural(total, 'container')}</output><small>100 %: all at once. Else the others follow when it was quiet for as long as below, and it goes back by itself on a denial or on restarts. Running pods keep their filter until they restart.</small></div><div class="field"><label for="quiet">Quiet for</label><select id="quiet" name="quietFor"><option value="10m">10 minutes</option><option value="30m" selected>30 minutes</option><option value="24h">24 hours</option></select></div><div class="field"><label for="promote-why">Reason</label><input type="text" id="promote-why" name="reason" required maxlength="500"></div><p class="form-error" role="alert"></p><div class="row"><button class="btn primary" type="submit">Promote</button><button class="btn s" type="submit" name="dryRun" value="true" data-kind="boolean">Try without doing it</button></div></form>`
}

function rollbackForm(key: string): Markup {
  return html`<form class="stack tight" data-action data-url="/api/v1/rollback" data-then="reload" aria-label="Roll back"><input type="hidden" name="profile" value="${key}"><div class="field"><label for="back-why">Roll back: reason</label><input type="text" id="back-why" name="reason" required maxlength="500"></div><p class="form-error" role="alert"></p><button class="btn danger" type="submit">Roll back</button></form>`
}

/** One rung up, for all new pods or a share of them; the way back; and how it came to stand where it does. */
export function promotePanel(line: WorkloadLine, { may, offered, now }: Options): Markup {
  const { key, profile, state } = line
  const next = state === 'audit' || state === 'enforce' ? 'enforce' : 'audit'
  if (!offered) {
    return html`<div class="body stack"><h3>Next mode</h3><p class="muted">A rule gives the profile to pods: mode audit first, then enforce.</p><p><a class="btn" href="/rules#new">Write a rule</a></p>${command('secco rule apply -f rule.yaml')}</div>`
  }
  // Back: out of a canary, a rung or a revision.
  const mayGoBack =
    profile.status?.previousRevision !== undefined || profile.spec.ladder !== undefined
  const approved = profile.spec.seccomp !== undefined
  if (!approved && !mayGoBack) {
    return html`<div class="body stack"><h3>Promote</h3><p class="muted">Nothing is approved yet, so there is nothing to audit or enforce: approve first.</p>${command(`secco promote ${key} ${next} --canary 40% --reason WHY`)}</div>${stepList(profile.status?.history ?? [], now)}`
  }
  const forms = may
    ? html`${promoteForm(line, next)}${mayGoBack ? rollbackForm(key) : nothing}`
    : html`<p class="muted">You may look, not promote.</p>`
  return html`<div class="body stack"><h3>Promote</h3>${canaryView(line, now)}${unprovenView(line)}${forms}${command(`secco promote ${key} ${next} --canary 40% --reason WHY`)}${mayGoBack ? command(`secco rollback ${key} --reason WHY`) : nothing}</div>${stepList(profile.status?.history ?? [], now)}`
}
