import type { VNode } from 'preact'
import type { DiffEntry, DiffReport } from '../../../src/seccomp/review/diff-report.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import { listPage } from './format.js'
import { RiskLevel } from './marks.js'
import { EmptyPanel } from './panels.js'
import { Pager, type Row, Table } from './table.js'

const signs = { added: ['add', '+'], removed: ['del', '−'], changed: ['no', '≠'] } as const

/** Returns what a rule does, in words. */
function inWords(text: string): string {
  return text
    .replace(/SCMP_ACT_ALLOW/g, 'allowed')
    .replace(/SCMP_ACT_LOG/g, 'logged')
    .replace(/SCMP_ACT_ERRNO(\((\d+)\))?/g, (_all, _paren, errno: string | undefined) =>
      errno === undefined || errno === '1' ? 'EPERM' : errnoName(Number(errno))
    )
}

/** Whether a change can be risky. Denied before and after is not: only the answer differs. */
const isRisky = ({ from, to }: DiffEntry) =>
  to === undefined || /SCMP_ACT_(ALLOW|LOG)/.test(`${from ?? ''}${to}`)

/** Which page of a long difference is shown. */
interface Window {
  page: string | undefined
  perPage: number
  href: (page: number) => string
}

function rowOf(entry: DiffEntry): Row {
  const { name, change, from, to, why, beyondRuntimeDefault, by } = entry
  const risk = isRisky(entry) ? entry.risk : undefined
  return {
    key: name,
    attention: risk?.level === 'high' && change === 'added' ? 'warn' : '',
    cells: [
      <>
        <span class={`sign ${signs[change][0]}`} aria-hidden="true">
          {signs[change][1]}
        </span>{' '}
        {change}
      </>,
      <span class="mono">{name}</span>,
      <RiskLevel risk={risk} />,
      <>
        {from === undefined ? (why[0] ?? '–') : `${inWords(from)} → ${inWords(to ?? '')}`}
        {by !== undefined && (
          <span class="sub">
            <bdi>{by}</bdi>
          </span>
        )}
      </>,
      beyondRuntimeDefault ? 'denies it' : 'allows it'
    ]
  }
}

/** Returns what differs beside single syscalls, in words; empty when nothing does. */
function elseText({ defaultChanged, architectures: { added, removed } }: DiffReport): string {
  return [
    ...(defaultChanged === undefined
      ? []
      : [`default: ${defaultChanged.from} → ${defaultChanged.to}`]),
    ...(added.length > 0 ? [`ABIs added: ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`ABIs removed: ${removed.join(', ')}`] : [])
  ].join('; ')
}

/** What changes from one side to the other, riskiest first: all of it, or a page. */
export function DiffView({ report, window }: { report: DiffReport; window?: Window }): VNode {
  const { entries, left, right } = report
  const footer = elseText(report)
  if (entries.length === 0 && footer === '')
    return <EmptyPanel what="Nothing differs." next="Both allow the same syscalls." />
  const count = (change: string) => entries.filter((entry) => entry.change === change).length
  const { items, ...place } = listPage(
    entries,
    window?.page,
    window?.perPage ?? Math.max(1, entries.length)
  )
  return (
    <section class="panel">
      <Table
        caption={`From ${left} to ${right}`}
        note={`${count('added')} added, ${count('removed')} removed, ${count('changed')} changed`}
        columns={['Change', 'Syscall', 'Risk', 'Why, by whom', 'RuntimeDefault']}
        rows={items.map(rowOf)}
        heading={1}
        footer={footer === '' ? undefined : footer}
      />
      {window !== undefined && <Pager {...place} what="differences" href={window.href} />}
    </section>
  )
}
