import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { isBase } from '../../../src/seccomp/render/base.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import { reasonLine } from '../../../src/seccomp/policy/why.js'
import type { DenialView } from '../../views/denial-view.js'
import { html, type Markup, nothing } from './html.js'
import type { Cell } from '../model/grid.js'
import { keyOf } from '../model/derived.js'
import { command, moment, tag } from './parts.js'

function tagsOf(cell: Cell): Markup[] {
  return [
    cell.isNew && tag('+ not approved', 'warn'),
    cell.allowed && tag(cell.conditional ? 'approved with conditions' : 'approved', 'ok', 'yes'),
    cell.observed && tag(cell.count > 0 ? `observed ${plural(cell.count, 'time')}` : 'observed'),
    cell.denied > 0 && tag(`× refused ${plural(cell.denied, 'time')}`, cell.expected ? '' : 'bad'),
    !cell.observed && !cell.allowed && cell.denied === 0 && tag('not allowed, never asked'),
    tag(
      cell.risk === undefined ? 'no particular risk' : `${cell.risk.level} risk`,
      cell.risk?.level === 'high' ? 'warn' : ''
    )
  ].filter((each) => each !== false)
}

/** Who asks, when, why it is as it is, and the way to change it. */
export function callPanel(options: {
  profile: SeccompProfile
  cell: Cell | undefined
  abi: string
  denials: readonly DenialView[]
  mayDecide: boolean
  now: number
}): Markup {
  const { profile, cell, abi, denials, mayDecide, now } = options
  if (cell === undefined) {
    return html`<section class="panel call" id="call" data-key="call" tabindex="-1" aria-live="polite"><header><h2>One syscall</h2></header><div class="body"><p class="muted">Choose a square of the grid: who asked for it, when, and why it is allowed or not.</p></div></section>`
  }
  const { name } = cell
  const seen = sightingsOf(profile).get(name)
  const refused = denials.filter(({ syscall }) => syscall === name)
  const last = refused.at(-1)
  const who =
    seen === undefined
      ? last === undefined
        ? html`nobody asked`
        : html`<bdi>${last.comm === '' ? 'unknown' : last.comm}</bdi> in <bdi class="mono">${last.container.slice(0, 12)}</bdi> on <bdi>${last.node}</bdi>`
      : html`${seen.instances === 0 ? 'an instance that is forgotten' : `${seen.instances} of ${(profile.status?.instances ?? []).length} instances`}${seen.nodes.length > 0 ? html` on <bdi>${seen.nodes.join(', ')}</bdi>` : nothing}, through ${seen.abis.join(', ')}`
  const when =
    seen === undefined
      ? moment(last?.lastSeen, now)
      : html`first ${moment(seen.first, now, 'unknown')} last ${moment(seen.last, now, 'unknown')}`
  const reasons = cell.reasons.map((reason) => html`<li><bdi>${reasonLine(reason)}</bdi></li>`)
  const why =
    reasons.length > 0
      ? html`<ul>${reasons}</ul>`
      : html`${profile.spec.seccomp === undefined ? 'Nothing is approved yet; in learn nothing but RuntimeDefault refuses.' : 'No rule names it: it is refused with EPERM in enforce.'}`
  const key = keyOf(profile)
  const flag = cell.allowed ? '--refuse' : '--allow'
  const form =
    mayDecide && !(cell.allowed && isBase(name))
      ? html`<form class="stack tight actions" data-action data-url="/api/v1/profiles/${key}/calls" data-then="reload"><input type="hidden" name="${cell.allowed ? 'refuse' : 'allow'}" data-kind="list" value="${name}"><div class="field"><label for="call-why">Reason</label><input type="text" id="call-why" name="reason" required maxlength="200" placeholder="why"></div><p class="form-error" role="alert"></p><button class="btn ${cell.allowed ? 'danger' : 'primary'}" type="submit">${cell.allowed ? 'Refuse' : 'Allow'} ${name}</button></form>`
      : cell.allowed && isBase(name)
        ? html`<p class="muted small">Every container needs it to start, run or end: it cannot be refused here.</p>`
        : nothing
  return html`<section class="panel call" id="call" data-key="call" tabindex="-1" aria-labelledby="call-name" aria-live="polite"><header><h2 id="call-name">${name}</h2><p>number ${cell.number}, ${abi}</p></header><div class="body stack"><p class="row">${tagsOf(cell)}</p>${cell.risk === undefined ? nothing : html`<p>${cell.risk.reason}</p>`}<dl><dt>Who</dt><dd>${who}</dd><dt>When</dt><dd>${when}</dd><dt>Why</dt><dd>${why}</dd></dl>${form}${command(`secco profile call ${key} ${flag} ${name} --reason WHY`)}</div></section>`
}
