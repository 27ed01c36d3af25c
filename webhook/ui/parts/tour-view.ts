import { plural } from '../../../src/lib/plural.js'
import { html, type Markup, nothing } from './html.js'
import type { WorkloadLine } from '../model/workloads.js'

/** First visit: the loop on this installation's own data. Closed for good by its button (in the browser). */
export function tour(lines: readonly WorkloadLine[], nodes: number): Markup {
  const [first] = lines
  const learning = lines.filter(({ profile }) => profile.spec.seccomp === undefined).length
  const own =
    first === undefined
      ? nothing
      : html`see <a href="/workloads/${first.key}"><bdi>${first.name}</bdi></a>: what it was seen to ask for, how we know, and what is missing`
  const steps = [
    first === undefined
      ? html`<b>Learn.</b> Start a container under a filter, or label a pod: it is recorded from its first instruction on.`
      : html`<b>Learn.</b> ${nodes} ${nodes === 1 ? 'node records' : 'nodes record'}; ${learning} of ${plural(lines.length, 'workload')} ${learning === 1 ? 'is' : 'are'} learning; ${own}.`,
    html`<b>Review.</b> Nothing is enforced before a person has said yes to one digest: <a href="/review">what waits</a>.`,
    html`<b>Deliver.</b> A pod gets a profile only when <a href="/nodes">every node</a> has its file.`,
    html`<b>Enforce.</b> <a href="/rules">Rules</a> pick pods by label; what is refused turns up in <a href="/denials">denials</a>, with the way to allow it.`
  ]
  return html`<section class="panel tour" data-tour hidden aria-labelledby="h-tour"><header><h2 id="h-tour">The loop, in four steps</h2><button class="btn s" type="button" data-tour-end>Got it</button></header><ol>${steps.map((step) => html`<li>${step}</li>`)}</ol></section>`
}
