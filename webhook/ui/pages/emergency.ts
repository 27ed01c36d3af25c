import { plural } from '../../../src/lib/plural.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../src/seccomp/render/block.js'
import { emergencyTemplates } from '../../../src/seccomp/data/emergency-templates.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import type { SeccompArg } from '../../../src/api/seccomp-profile.js'
import type { Call } from '../model/context.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { derivedOf } from '../model/derived.js'
import { command, commandPanel, empty, table, tag } from '../parts/parts.js'
import { historyPanel } from '../parts/workload-parts.js'
import type { Page } from '../parts/page.js'

function conditionText({ index, op, value, valueTwo }: SeccompArg): string {
  return op === 'SCMP_CMP_MASKED_EQ'
    ? `argument ${index} & 0x${value.toString(16)} = 0x${(valueTwo ?? 0).toString(16)}`
    : `argument ${index} ${op.replace('SCMP_CMP_', '').toLowerCase()} ${value}`
}

function blockForm(name: string, blocked: boolean): Markup {
  return html`<form class="row" data-action data-url="/api/v1/block" data-then="reload"><input type="hidden" name="what" value="${name}">${blocked ? html`<input type="hidden" name="remove" data-kind="boolean" value="true">` : nothing}<label class="vh" for="why-${name}">Reason for ${name}</label><input type="text" class="short" id="why-${name}" name="reason" required placeholder="reason"><button class="btn s" type="submit" name="dryRun" value="true" data-kind="boolean">Impact<span class="vh"> of ${name}</span></button><button class="btn s ${blocked ? '' : 'danger'}" type="submit">${blocked ? 'Give back' : 'Block'}<span class="vh"> ${name}</span></button><p class="form-error" role="alert"></p></form>`
}

/** The word that gives back exactly this; undefined for conditions that only a template names. */
function wordOf(name: string, args: readonly SeccompArg[]): string | undefined {
  const conditions = args.map(({ index, op, value, valueTwo }) =>
    op === 'SCMP_CMP_EQ'
      ? `${index}=${value}`
      : op === 'SCMP_CMP_MASKED_EQ' && valueTwo === value
        ? `${index}&${value}`
        : undefined
  )
  if (conditions.includes(undefined)) return undefined
  return conditions.length === 0 ? name : `${name}:${conditions.join(',')}`
}

function giveBack(name: string, args: readonly SeccompArg[]): Markup {
  const word = wordOf(name, args)
  if (word === undefined) return html`<span class="muted">give its template back</span>`
  return html`<form class="inline" data-action data-url="/api/v1/block" data-then="reload"><input type="hidden" name="what" value="${word}"><input type="hidden" name="remove" data-kind="boolean" value="true"><label class="vh" for="back-${word}">Reason to give ${word} back</label><input type="text" class="short" id="back-${word}" name="reason" required placeholder="reason"><button class="btn s" type="submit">Give back<span class="vh"> ${word}</span></button></form>`
}

/** Filled by the browser: which containers are still open is read from the files they run under. */
const mustRestart = html`<section class="panel" aria-labelledby="h-restart" data-blocked><header><h2 id="h-restart">Who must restart</h2><p data-blocked-words>asking the hub …</p></header><div class="body"><ul class="list tight" data-blocked-list></ul><noscript><p class="muted">With JavaScript off: <code>secco block</code> says it.</p></noscript></div></section>`

async function render({ ui, identity }: Call) {
  const { byKey } = derivedOf(ui.sources, ui.now())
  const overlay = byKey.get(emergencyLabel) ?? emptyOverlay()
  const offered = ui.offers('POST', '/api/v1/block')
  const may =
    offered && (await identity.can('approve', 'seccompprofiles', 'secco-system', 'emergency'))
  const none = { by: '', at: '', reason: '' }
  const rows = emergencyTemplates.map(({ name, reason, sources, rules }) => {
    const blocked = withBlock(overlay, parseBlock(name), none, false) === overlay
    return {
      key: name,
      attention: blocked ? ('bad' as const) : ('' as const),
      cells: [
        html`<span class="mono nowrap">${name}</span>`,
        html`${reason}<span class="sub">${sources.slice(0, 4).join(', ')}</span>`,
        html`<span class="mono">${[...new Set(rules.flatMap((rule) => rule.names))].slice(0, 6).join(' ')}</span>${rules.some(({ args = [] }) => args.length > 0) ? html`<span class="sub">with some arguments only</span>` : nothing}`,
        blocked ? tag('blocked', 'bad', 'x') : tag('as each profile says', '', 'none'),
        may ? blockForm(name, blocked) : html`<code class="nowrap">secco block ${name}</code>`
      ]
    }
  })
  const inForce = overlay.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
  const now = html`<section class="panel" aria-labelledby="h-now" data-live="now"><header><h2 id="h-now">Taken out now</h2><p>of every profile, whatever anybody approved</p></header><div class="body">${inForce.length === 0 ? empty('Nothing is blocked.', 'A block reaches new containers within seconds; running ones keep their filter until they restart.') : html`<ul class="list tight">${inForce.map(({ name, args = [] }) => html`<li><span><span class="mono">${name}</span>${args.length > 0 ? html` <span class="muted">when ${args.map(conditionText).join(' and ')}</span>` : nothing}</span>${may ? giveBack(name, args) : nothing}</li>`)}</ul>`}</div></section>`
  const restart = inForce.length > 0 && ui.offers('GET', '/api/v1/block') ? mustRestart : nothing
  const own = may
    ? html`<section class="panel" aria-labelledby="h-own"><header><h2 id="h-own">Another call</h2></header><form class="body stack" data-action data-url="/api/v1/block" data-then="reload"><label class="field">Syscall, or some of its arguments<input type="text" name="what" required placeholder="socket:domain=AF_ALG"></label><label class="field">Reason<input type="text" name="reason" required></label><p class="form-error" role="alert"></p><div class="row"><button class="btn" type="submit" name="dryRun" value="true" data-kind="boolean">Impact</button><button class="btn danger" type="submit">Block</button></div>${command('secco block socket:domain=AF_ALG --reason WHY --dry-run')}</form></section>`
    : nothing
  const never = empty(
    'Nothing was ever blocked.',
    'Who blocks or gives back what, and why, is kept here.'
  )
  return {
    title: 'Emergency',
    facts: [
      `${plural(inForce.length, 'rule')} in force`,
      'base calls cannot be blocked without force'
    ],
    body: html`<section class="panel">${table({ caption: 'Templates', note: 'a class of attacks each', columns: [{ title: 'Template' }, { title: 'Why' }, { title: 'Calls' }, { title: 'State' }, { title: 'Action' }], rows, live: 'blocks' })}</section><div class="cols even">${now}${own}</div>${restart}${historyPanel(overlay, ui.now(), never, false)}${commandPanel('h-cli', 'secco block', 'secco block af-alg --reason WHY')}`
  }
}

export const emergencyPage: Page = {
  path: '/emergency',
  live: true,
  nav: 'Emergency',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
