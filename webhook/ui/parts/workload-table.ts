import type { Discovery } from '../../hub/observations/discovery.js'
import { html, type Markup, nothing } from './html.js'
import { icon } from './icons.js'
import { workloadHref } from '../model/derived.js'
import type { WorkloadDetail } from '../model/workloads.js'
import {
  containerMark,
  digestMark,
  meter,
  nameMark,
  numberText,
  type Row,
  stateMark,
  table
} from './parts.js'
import { sparkView } from './spark-view.js'

/** A risk by word and shape; the number is explained on the workload's page. */
export function riskMark(risk: WorkloadDetail['risk']): Markup {
  if (risk === undefined) return html`<span class="muted">not rendered</span>`
  const level = risk.score >= 60 ? 'high' : risk.score >= 35 ? 'mid' : 'low'
  const word = { high: 'high', mid: 'medium', low: 'low' }[level]
  return html`<span class="risk ${level}">${level === 'low' ? nothing : icon('tri')}${risk.score} ${word}</span><span class="sub">${risk.fewer} fewer, ${risk.beyond} more</span>`
}

function rowOf(line: WorkloadDetail, discovery: Discovery): Row {
  const { key, namespace, name, container, kind, profile } = line
  const note =
    line.drifted > 0
      ? html`<span class="sub bad">${line.drifted} drifted</span>`
      : line.stale > 0
        ? html`<span class="sub warn">${line.stale} stale</span>`
        : nothing
  return {
    key,
    attention: line.attention,
    cells: [
      html`<a href="${workloadHref(key)}">${nameMark(`${namespace}/${name}`)}</a>${containerMark(container)}<span class="sub">${kind}</span>`,
      stateMark(line.state),
      digestMark(profile.status?.revision),
      html`${numberText(line.containers)}${note}`,
      meter(line.met, line.evidence),
      sparkView(discovery.of(namespace, profile.metadata.name).events),
      html`${line.observed}${line.toReview > 0 ? html`<span class="sub warn">${line.toReview} to review</span>` : nothing}`,
      html`${line.unseen}`,
      riskMark(line.risk),
      html`${numberText(line.denials)}`
    ]
  }
}

/** Workloads, one line each. */
export function workloadTable(options: {
  lines: readonly WorkloadDetail[]
  note: string
  runtimeDefault: number
  discovery: Discovery
  live: string
}): Markup {
  return table({
    caption: 'Workloads',
    note: options.note,
    columns: [
      { title: 'Workload · container' },
      { title: 'Mode' },
      { title: 'Revision' },
      { title: 'Containers', num: true },
      { title: 'Evidence' },
      { title: 'Discovery' },
      { title: 'Observed', num: true },
      { title: 'Unseen, 95 %', num: true },
      { title: 'Risk, against RuntimeDefault' },
      { title: 'Denials', num: true }
    ],
    rows: options.lines.map((line) => rowOf(line, options.discovery)),
    live: options.live,
    footer: `Risk is 0 to 100, every point explained on the workload's page. RuntimeDefault scores ${options.runtimeDefault}.`
  })
}
