import type { VNode } from 'preact'
import type { Call } from '../model/context.js'
import type { AuditEntry } from '../model/audit-trail.js'
import { decisionsBeside } from '../model/decisions.js'
import { keyOf } from '../model/derived.js'
import { actionWords, resultWords } from '../parts/action-words.js'
import { counted, hrefWith, listPage } from '../parts/format.js'
import { Choice, Filters } from '../parts/forms.js'
import { Moment, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50

/** Lists what people did here, approvals and changes of mode made any other way, and on request the observations of satellites. */
function linesOf({ ui, query }: Call): AuditEntry[] {
  const actions = ui.audit.list()
  const profiles = ui.sources.profiles()
  const observations = profiles.flatMap((profile) =>
    (profile.status?.instances ?? []).slice(0, 8).map(
      ({ lastSeen, node, id, part = 'entry' }): AuditEntry => ({
        at: lastSeen,
        user: `node ${node}`,
        action: 'observation',
        object: keyOf(profile),
        detail: `${part} ${id}`,
        status: 200
      })
    )
  )
  const shown = query['kind'] === 'all' ? observations : []
  return [...actions, ...decisionsBeside(actions, profiles), ...shown].sort((a, b) =>
    a.at === b.at ? 0 : a.at < b.at ? 1 : -1
  )
}

/** Returns the mark of how an action ended. */
function resultTag(line: AuditEntry): VNode {
  const text = resultWords(line)
  if (line.status >= 400) return <Tag text={text} tone="bad" shape="x" />
  return line.dryRun === true ? (
    <Tag text={text} shape="none" />
  ) : (
    <Tag text={text} tone="ok" shape="yes" />
  )
}

function rowOf(line: AuditEntry, at: number, now: number): Row {
  const { status, user, object, detail } = line
  const what = actionWords(line.action)
  return {
    key: `${line.at} ${what} ${object} ${at}`,
    attention: status >= 400 ? 'warn' : '',
    cells: [
      <Moment at={line.at} now={now} />,
      <bdi>{user}</bdi>,
      what,
      <bdi>{object === '' ? '–' : object}</bdi>,
      <bdi class="wrap">{detail === '' ? '–' : detail}</bdi>,
      resultTag(line)
    ]
  }
}

const kinds = [
  ['', 'what people did'],
  ['all', 'and the observations of satellites']
] as const

function render(call: Call): View {
  const { ui, query } = call
  const { q = '', kind = '' } = query
  const words = q.toLowerCase()
  const found = linesOf(call).filter(({ user, action, object, detail }) =>
    `${user} ${actionWords(action)} ${object} ${detail}`.toLowerCase().includes(words)
  )
  const { items, ...place } = listPage(found, query['page'], perPage)
  return {
    title: 'Audit',
    facts: [
      counted(found.length, 'entry', 'entries'),
      <>
        actions are known since <Moment at={ui.audit.since()} now={ui.now()} />
      </>
    ],
    actions: (
      <button class="btn" type="button" data-print>
        Print
      </button>
    ),
    body: (
      <>
        <section class="panel">
          <Filters label="Filter the audit" value={q} placeholder="who, what, profile">
            <Choice label="Show" name="kind" chosen={kind} options={kinds} />
          </Filters>
        </section>
        <section class="panel">
          {items.length === 0 ? (
            <EmptyBody
              what="No entry matches the filter."
              next="Every action of a page or of the API and every approval is kept here."
            />
          ) : (
            <>
              <Table
                caption="Audit"
                note="who did what, newest first"
                columns={['When', 'Who', 'What', 'On', 'Reason', 'Result']}
                rows={items.map((line, at) => rowOf(line, at, ui.now()))}
                heading={2}
                live="audit"
                footer="secco ui audit lists what was done with pages and API; approvals and changes of mode come from the profiles too."
              />
              <Pager
                {...place}
                what="entries"
                href={(to) => hrefWith('/audit', { q, kind, page: String(to) })}
              />
            </>
          )}
        </section>
        <CommandPanel texts={['secco ui audit']} />
      </>
    )
  }
}

export const auditPage: Page = {
  path: '/audit',
  nav: 'Audit',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
