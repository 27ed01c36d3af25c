import { errnoName } from '../../../src/syscalls/errno-name.js'
import type { DiffEntry, DiffReport } from '../../../src/seccomp/review/diff-report.js'
import { html, type Markup } from './html.js'
import { icon } from './icons.js'
import { empty, pager, pageOf, table } from './parts.js'

const signs = { added: ['add', '+'], removed: ['del', '−'], changed: ['no', '≠'] } as const

/** What a rule does, in words. */
function inWords(text: string): string {
  return text
    .replace(/SCMP_ACT_ALLOW/g, 'allowed')
    .replace(/SCMP_ACT_LOG/g, 'logged')
    .replace(/SCMP_ACT_ERRNO(\((\d+)\))?/g, (_all, _paren, errno: string | undefined) =>
      errno === undefined || errno === '1' ? 'EPERM' : errnoName(Number(errno))
    )
}

/** Refused before and after: only the answer is another, whatever the call could do. */
const isRisky = ({ from, to }: DiffEntry) =>
  to === undefined || /SCMP_ACT_(ALLOW|LOG)/.test(`${from ?? ''}${to}`)

/** Which part of a long difference is shown. */
interface Window {
  page: string | undefined
  perPage: number
  href: (page: number) => string
}

/** What changes from one side to the other, riskiest first; all of it, or a page. */
export function diffView(report: DiffReport, window?: Window): Markup {
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
  const pages = window === undefined ? 1 : Math.ceil(entries.length / window.perPage)
  const page = pageOf(window?.page, pages)
  const shown =
    window === undefined
      ? entries
      : entries.slice((page - 1) * window.perPage, page * window.perPage)
  const rows = shown.map((entry) => {
    const { name, change, from, to, why, beyondRuntimeDefault, by } = entry
    const risk = isRisky(entry) ? entry.risk : undefined
    return {
      key: name,
      attention: risk?.level === 'high' && change === 'added' ? ('warn' as const) : ('' as const),
      cells: [
        html`<span class="sign ${signs[change][0]}" aria-hidden="true">${signs[change][1]}</span> ${change}`,
        html`<span class="mono">${name}</span>`,
        risk === undefined
          ? html`<span class="risk low">none</span>`
          : html`<span class="risk ${risk.level === 'high' ? 'high' : 'mid'}">${icon('tri')}${risk.level}</span><span class="sub">${risk.reason}</span>`,
        html`${from === undefined ? (why[0] ?? '–') : `${inWords(from)} → ${inWords(to ?? '')}`}${by === undefined ? '' : html`<span class="sub"><bdi>${by}</bdi></span>`}`,
        html`${beyondRuntimeDefault ? 'refuses it' : 'allows it'}`
      ]
    }
  })
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
  })}${window === undefined ? '' : pager({ page, pages, total: entries.length, what: 'differences', href: window.href })}</section>`
}
