import type { DiffReport } from '../../src/seccomp/diff-report.js'
import { html, type Markup } from './html.js'
import { icon } from './icons.js'
import { empty, table } from './parts.js'

const signs = { added: ['add', '+'], removed: ['del', '−'], changed: ['no', '≠'] } as const

/** What changes from one side to the other, riskiest first. */
export function diffView(report: DiffReport): Markup {
  const { entries, left, right, defaultChanged, architectures } = report
  const more = [
    ...(defaultChanged === undefined
      ? []
      : [`default: ${defaultChanged.from} → ${defaultChanged.to}`]),
    ...(architectures.added.length > 0 ? [`ABIs added: ${architectures.added.join(', ')}`] : []),
    ...(architectures.removed.length > 0
      ? [`ABIs removed: ${architectures.removed.join(', ')}`]
      : [])
  ]
  if (entries.length === 0 && more.length === 0)
    return html`<section class="panel"><div class="body">${empty('Nothing differs.', 'Both let the same calls through.')}</div></section>`
  const count = (change: string) => entries.filter((entry) => entry.change === change).length
  const rows = entries.map(({ name, change, from, to, why, risk, beyondRuntimeDefault, by }) => ({
    key: name,
    attention: risk?.level === 'high' && change === 'added' ? ('warn' as const) : ('' as const),
    cells: [
      html`<span class="sign ${signs[change][0]}" aria-hidden="true">${signs[change][1]}</span> ${change}`,
      html`<span class="mono">${name}</span>`,
      risk === undefined
        ? html`<span class="risk low">none</span>`
        : html`<span class="risk ${risk.level === 'high' ? 'high' : 'mid'}">${icon('tri')}${risk.level}</span><span class="sub">${risk.reason}</span>`,
      html`${from === undefined ? (why[0] ?? '–') : `${from} → ${to ?? ''}`}${by === undefined ? '' : html`<span class="sub"><bdi>${by}</bdi></span>`}`,
      html`${beyondRuntimeDefault ? 'refuses it' : 'allows it'}`
    ]
  }))
  return html`<section class="panel">${table({
    caption: `From ${left} to ${right}`,
    note: `${count('added')} added, ${count('removed')} removed, ${count('changed')} changed`,
    columns: [
      { title: 'Change' },
      { title: 'Syscall' },
      { title: 'Risk' },
      { title: 'Why, by whom' },
      { title: 'RuntimeDefault' }
    ],
    rows,
    heading: 1,
    ...(more.length === 0 ? {} : { footer: more.join('; ') })
  })}</section>`
}
