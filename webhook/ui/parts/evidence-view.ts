import type { EvidenceItem } from '../../../src/seccomp/review/evidence.js'
import type { Estimate } from '../../../src/seccomp/review/unseen.js'
import { html, type Markup, nothing } from './html.js'
import { icon } from './icons.js'
import { facts } from './parts.js'

const words: Readonly<Record<string, string>> = {
  instances: 'Instances',
  whole: 'Seen from the start',
  nodes: 'Nodes',
  kernels: 'Kernels',
  image: 'One image',
  abis: 'ABIs',
  start: 'Start',
  serve: 'Serving',
  reload: 'Reload',
  stop: 'Stop',
  probe: 'Probe',
  lost: 'Nothing lost',
  quiet: 'Quiet'
}

/** What speaks for completeness, and for each missing line what to do. */
export function evidenceList(evidence: readonly EvidenceItem[]): Markup {
  const met = evidence.filter(({ ok }) => ok).length
  return html`<section class="panel" aria-labelledby="h-ev"><header><h2 id="h-ev">Evidence</h2><p class="strong">${met} of ${evidence.length}</p></header><div class="body"><ul class="checks">${evidence.map(({ item, ok, detail, next }) => html`<li>${ok ? icon('yes', 'ok') : icon('open', 'warn')}<span>${words[item] ?? item}<span class="vh">${ok ? ': met' : ': missing'}</span></span><span class="v"><bdi>${detail}</bdi></span>${next === undefined ? nothing : html`<span class="hint">${next}</span>`}</li>`)}</ul></div></section>`
}

function rangeView(estimate: Exclude<Estimate, { tooFew: true }>): Markup {
  const { seen, expected, upper } = estimate
  const most = seen + upper || 1
  const x = (value: number) => Math.round((value / most) * 320)
  return html`<svg class="range" viewBox="0 0 328 44" role="img" aria-label="${seen} seen, ${Math.round(seen + expected)} expected, at most ${Math.ceil(seen + upper)}"><rect class="tr" x="0" y="8" width="320" height="12"/><rect class="ob" x="0" y="8" width="${x(seen)}" height="12"/><rect class="un" x="${x(seen)}" y="8" width="${Math.max(0, 320 - x(seen))}" height="12"/><rect class="pt" x="${x(seen + expected)}" y="4" width="2" height="20"/><text x="0" y="38">${seen} seen</text><text x="320" y="38" text-anchor="end">${Math.ceil(seen + upper)}</text></svg>`
}

/** The estimate of the unseen: a range first, its inputs under it. */
export function unseenPanel(estimate: Estimate, text: string): Markup {
  const head = html`<header><h2 id="h-un">Still unseen</h2><p>an estimate, never a gate of its own</p></header>`
  if ('tooFew' in estimate) {
    return html`<section class="panel" aria-labelledby="h-un">${head}<div class="body stack"><p class="strong">No estimate yet</p><p class="muted">${text}. At least 5 instances, each seen from its first instruction, are needed: scale it up or restart it.</p></div></section>`
  }
  const { lower, upper, once, twice, next, coverage } = estimate
  return html`<section class="panel" aria-labelledby="h-un">${head}<div class="body stack"><p class="estimate">${Math.floor(lower)} to ${Math.ceil(upper)} <small>calls nobody saw yet (95 %)</small></p>${rangeView(estimate)}${facts(
    [
      ['Seen in one instance only', String(once)],
      ['Seen in exactly two', String(twice)],
      ['Known share of an instance’s calls', `${(coverage * 100).toFixed(1)} %`],
      ['New ones in the next instance', `at most ${next.atMost.toFixed(2)}`]
    ]
  )}<details><summary>How this is computed</summary><p class="small">Chao2 for incidence data: calls seen in one and in two instances tell how many were seen in none. It is a lower bound, and traffic is not random: take it as one piece of evidence.</p></details></div></section>`
}
